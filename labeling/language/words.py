"""The words by which reports speak of fractures, in German, English and French: what is broken, denied, old, or asked.

Expressions are matched without regard to case. A word that is none of these says nothing.
"""

from __future__ import annotations

import re

__all__ = [
    "ACUTE",
    "AGE_UNKNOWN",
    "ALL_OF_IT",
    "ASKED",
    "AUGMENTED",
    "BENIGN",
    "BLOCKS_NEGATION",
    "BODY",
    "BREAKS",
    "DENIED_AFTER",
    "FRACTURE",
    "HINTS",
    "IMPACTED",
    "INJURY",
    "INTACT",
    "LATTER",
    "MISTAKEN",
    "NAMED_TYPE",
    "NEGATION",
    "NOT_DENIED",
    "NO_OTHER",
    "OLD",
    "OTHER_BONE",
    "POSTERIOR_WALL",
    "PROCESS",
    "REASONS_TO_EXCLUDE",
    "REGIONS",
    "SUSPECTED",
    "TOPIC",
    "WEAK",
    "WITHOUT",
]


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


#: Parts of speech that end the reach of a negation and the sharing of levels.
BREAKS = _any(
    r";",
    r"\b(?:however|but|whereas|while|although|though|jedoch|aber|dagegen|hingegen|allerdings|wohingegen|während"
    r"|mais|cependant|toutefois|en revanche|alors que)\b",
    r"(?<=\s)[–—](?=\s)",
)
WITHOUT = re.compile(r"(?<!\w)(?:ohne|without|sans)\b", re.IGNORECASE)

#: A broken vertebral body. "Fracture line", "Frakturrisiko" and what only tells of change are none.
FRACTURE = _any(
    r"\b\w*(?<!post)(?<!anti)fra[ck]tur(?:en)?\b(?!\s?(?:risi|gef|lini|spalt|unver|frei|ris|line|gap|cleft|risk))",
    r"\bfractur(?:es?|ed|ée?s?)\b(?![-\s](?:lines?|gaps?|clefts?|risk|fragments?|margins?))",
    r"\b(?:fra[ck]turiert\w*|eingebrochen\w*|gebrochen\w*)",
    r"\b(?!nach|weiter)\w*sinter(?:ung(?:en|sfraktur)?|te[rnms]?|t)?\b",
    r"\b\w*(?:deck|grund|abschluss|boden)platten?(?:impression|einbruch|einbrüche|eindellung|kompression)(?:en)?\b",
    r"\bcompression (?:deformit(?:y|ies)|injur(?:y|ies))\b",
    r"\b(?:vertebral (?:body )?)collapse\b|\bcollapse of\b",
    r"\btassements?\b(?! (?:\w+ )?(?:disca|du disque|des disques))|\blésions? fracturaires?\b|\bvertebra plana\b",
    r"\bburst (?:injur(?:y|ies))\b|\bberstung(?:en)?\b",
)
#: Lost height and odd shapes: no fracture by themselves.
WEAK = _any(
    r"\bhöhen(?:minderung|verlust|reduktion)\w*",
    r"\b(?:loss of (?:\w+ )?height|height loss)\b",
    r"\bperte de hauteur\b",
    r"\b(?:anterior |mild |minimal )*wedging\b|\bwedge[- ]?(?:shaped|deformit(?:y|ies))\b",
    r"\bkeil(?:form|förmig|deform|wirbel)\w*",
    r"\bcunéiform(?:e|isation)s?\b",
    r"\bdeform(?:it(?:y|ies)|ierung|ität)\w*|\bdéformations?\b|\bfischwirbel\w*|\bbiconcav\w*",
)
#: An injury of bone that is not called a fracture: denied, it says as much as "no fracture".
INJURY = _any(
    r"\b(?:osseous|bony|traumatic|skeletal) (?:\w+ )?(?:injur(?:y|ies)|abnormalit(?:y|ies)|lesions?)\b",
    r"\b(?:knöcherne\w*|ossäre\w*|traumatische\w*) (?:\w+ )?(?:verletzung|läsion)(?:en)?\b",
    r"\blésions? (?:osseuses?|traumatiques?)(?: (?:osseuses?|traumatiques?))?\b",
)
#: What looks like a fracture and is called none.
BENIGN = _any(
    r"\bschmorl\w*(?:[- ](?:knoten|knötchen|nodes?|hernie\w*|nodule\w*))?",
    r"\bhernies? intra[- ]?spongieuses?\b",
    r"\blimbus\b",
    r"\b(?:physiologi(?:sch|cal|que)|anlagebedingt|normvariante|normal variant|variante (?:de la normale"
    r"|anatomique))\w*",
    r"\bcupid'?s? bow\b|\bscheuermann\b|\bfra[ck]turunverd\w+",
)
#: Findings of vertebrae and discs that are not about fractures: the levels beside them are theirs.
TOPIC = _any(
    r"\b\w*(?:osteochondros|spondylos|spondylarthr|arthros|diskopathi|discopath|protrusion|prolaps|hern|stenos|sténos"
    r"|listhes|listhés|skolios|scolios|hämangiom|haemangiom|hemangiom|hémangiom|bandscheib|facettengelenk)\w*",
    r"\b(?:disc|disque|disk)\b(?: \w+)?|\bdegenerat\w+|\bdégénérat\w+|\bkonus\w*|\bconus\b|\bcône\b",
)
AUGMENTED = _any(
    r"\b(?:[kc]ypho|vert[eé]bro)plast\w+",
    r"\b(?:zement|cement|ciment)\w*",
    r"\bspondylodese\w*|\bfixateur\b|\bschrauben\w*|\binstrument(?:ation|ierung|iert|ed)\b",
    r"\b(?:pedicle )?screws?\b|\bfusion\b|\bostéosynthèse\b|\barthrodèse\b|\bhardware\b",
)
REASONS_TO_EXCLUDE = {
    "instrumented": AUGMENTED,
    "malignant": _any(
        r"\bmetasta\w+|\bmétasta\w+|\bfilia\w+",
        r"\b(?:pathologi(?:sche|c|cal|que)\w*) (?:\w+ )?(?:fra[ck]tur\w*|tassement\w*)|tassements? pathologiques?",
        r"\b(?:plasmo[cz]ytom|myelom|myélom|lymphom|karzinom|carcinom|tumor|tumeur)\w*|\bosteolys\w+|\blyse\b",
    ),
    "spondylodiscitis": _any(
        r"\bspondylodis[ck][iz]?[ti]*tis\b|\bspondylodiszitis\b|\bspondylodiscite\b|\bdis[ck]itis\b"
    ),
}

PROCESS = _any(
    r"\b(?:quer|dorn|gelenk)forts[aä]tz?\w*|\b(?:wirbel)?bogen\w*|\bproc(?:essus|\.)? (?:trans|spin|cost|artic)\w*",
    r"\b(?:transverse|spinous|articular|costal) process(?:es)?\b|\bposterior elements?\b|\bpars\b|\blaminar?e?\b",
    r"\bfacet(?:te)?s?\b|\bpedicles?\b|\bpédicules?\b|\bpedikel\w*|\bclay[- ]shovel\w*",
    r"\b(?:apophyses?|processus) (?:transvers|épineu|articulair)\w*|\bépineuses?\b|\bisthm\w+",
)
#: Bones that are no vertebra.
OTHER_BONE = _any(
    r"\bripp\w*|\bribs?\b|\bcôtes?\b|\bcostal(?:e|es)? fract\w*|\barcs? costa\w+",
    r"\bstern(?:um|al|ale|ales|umfraktur\w*)\b|\bmanubri\w+",
    r"\bbecken\w*|\bpelvi[cs]\w*|\bpelvis\b|\bbassin\b|\baceta\w+|\bazeta\w+|\bcotyle\b",
    r"\bfemur\w*|\bfemor\w*|\bfém\w+|\bschenkelhals\w*|\bhüft\w*|\bhip\b|\bhanche\b|\btrochanter\w*",
    r"\bsa[ck]r(?:um|al|ale|ée?)\w*|\bkreuzbein\w*|\bsa[ck]rum\w*|\bos (?:sa[ck]rum|ilium|pubis|ischi\w+)"
    r"|\bsteiß\w*|\bcoccy\w+",
    r"\bclavi[ck]\w+|\bklavik\w+|\bschlüsselbein\w*|\bscapul\w+|\bskapul\w+|\bomoplat\w+|\bhumer\w+|\bhumér\w+",
    r"\bradius\w*|\btibi\w+|\bpubi[sc]\w*|\biliac (?:bone|wing|crest)\b|\baile iliaque\b|\bischi\w+|\bskull\b"
    r"|\bschädel\w*|\bcrâne\b",
)

NEGATION = _any(
    r"\bkein(?:e[nrsm]?|erlei)?\b|\bnicht (?=fra[ck]t)|\bohne\b|\bweder\b|\bnoch\b(?=\s+\w*fra[ck])"
    r"|\bausschlu(?:ss|ß) (?:einer|von)\b",
    r"\bno\b|\bnot (?=fract)|\b(?:not|n't) (?:show|demonstrate|reveal|identify|see)\b|\bwithout\b"
    r"|\bnegative for\b|\bfree of\b|\bnor\b|\bneither\b|\babsence of\b|\bfailed to show\b",
    r"\bpas\b|\babsence d(?:e|')|\bsans\b|\baucune?\b|\bni\b|\bexempt\w* de\b|\bnon\b(?=\s+(?:fract|tass))",
)
#: Between a negation and the fracture: what is denied is its change or its part, not the fracture.
BLOCKS_NEGATION = _any(
    r"\b(?:change|progress\w*|increase|worsening|further (?:\w+ )?(?:loss|collapse)|displacement|retropulsion|healing"
    r"|consolidation|union|extension|involvement|complication)\b",
    r"\b\w*(?:zunahme|progredienz|progress|änderung|veränderung|dislokation|versatz|konsolidierung|durchbau\w*"
    r"|nachsinterung|beteiligung|abheilung|heilung)\b",
    r"\bbei\b|\bnach\b|\bbekannte\w*|\bknown\b|\bconnue?s?\b",
    r"\b(?:majoration|aggravation|modification|évolution|déplacement|recul|consolidation|extension)\b",
    r"\b(?:certain|sure|clear|sicher|eindeutig)\b(?=.{0,12}\b(?:age|acuity|alter)\b)",
)
#: After the fracture: it is denied.
DENIED_AFTER = _any(
    r"(?:is|are|was|were)? ?\bnot (?:seen|identified|visible|visuali[sz]ed|demonstrated|detected|evident|present)\b",
    r"\b(?:is|are|was|were|been) (?:ruled out|excluded)\b|\b(?:fractures?): (?:none|no|nil)\b|\babsent\b",
    r"\bnicht (?:nachweisbar|abgrenzbar|erkennbar|zu erkennen|sichtbar|vorhanden|vorliegend|nachgewiesen"
    r"|nachzuweisen)\b",
    r"(?<!nicht )(?<!nicht sicher )\bausgeschlossen\b|: ?(?:keine?|nein)\b",
    r"\b(?:est|sont|a été|ont été)? ?(?:éliminée?s?|écartée?s?|absente?s?)\b|\bn(?:'est|e sont) pas (?:vue?s?"
    r"|visible?s?|retrouvée?s?)\b",
    r": ?aucune\b|\bnon (?:visible|retrouvée?|vue)s?\b",
)
#: These look like denials and are doubts.
NOT_DENIED = _any(
    r"\b(?:can(?:not|'t| not)|could not|not) (?:\w+ )?(?:be )?(?:\w+ )?(?:exclu\w+|rule\w* out|ruled out)"
    r"|\bnot (?:\w+ )?excluded\b",
    r"\bnicht (?:\w+ )?(?:auszuschlie(?:ß|ss)en|ausgeschlossen|auszuschl\.?)|\bkann nicht (?:\w+ )?ausgeschlossen\b"
    r"|\bkein sicherer ausschluss\b|\bnicht sicher (?:auszu|ausge|zu)\w*",
    r"\bne (?:peut|peuvent|pouvant|permet)\w*(?: pas)?(?: d')? ?(?:être )?(?:formellement )?(?:exclu|élimin|écart)\w*"
    r"|\bnon (?:formellement )?(?:exclue?s?|éliminée?s?)\b|\bà ne pas exclure\b|\bsans pouvoir (?:exclure|éliminer)\b",
)

SUSPECTED = _any(
    NOT_DENIED.pattern,
    r"\bv\. ?a\.|\bverdacht\w*|\bfraglich\w*|\bmöglich\w*|\bsuspekt\w*|\bunklar\w*|\bDD\b|\bhinweisend\b",
    r"\bsuspect\w*|\bsuspicio\w*|\bpossib\w*|\bquestionable\b|\bequivocal\b|\bconcern(?:ing)? for\b|\bmay (?:be"
    r"|represent)\b"
    r"|\bmight (?:be|represent)\b|\bcould (?:be|represent)\b|\bversus\b|\bvs\.?\b|\bindeterminate\b(?! age)",
    r"\b(?:soupçon|doute|douteu(?:se|x)|évoquant|évoca\w+|discutable)\b|\bà confirmer\b",
    # Probably what? "likely old" doubts the age and not the fracture.
    r"\b(?:probabl[ey]\w*|likely|presumabl\w*|wahrscheinlich\w*|vermutlich\w*|am ehesten|wohl)\b"
    r"(?!,? (?:\w+ ){0,1}(?:old|chronic|alt|älter|chron|osteopor|degen|physio|ancien|sub|acute|frisch|récent"
    r"|recent|vor))",
    r"\?",
)
AGE_UNKNOWN = _any(
    r"\bage[- ]indeterminate\b|\bindeterminate (?:age|acuity)\b|\b(?:unknown|uncertain|undetermined) age\b",
    r"\b(?:unklaren|unbestimmten|unsicheren) alters\b|\balter (?:der \w+ )?(?:nicht|un)\w*|\bâge (?:indéterminé"
    r"|inconnu)\b",
)
OLD = _any(
    r"\balte[nrsm]?\b|\bältere[nrsm]?\b|\bz\. ?n\.|\bzustand nach\b|\bbekannt\w*|\b(?:aus|ab|ver)geheilt\w*"
    r"|\bkonsolidiert\w*"
    r"|\bstationär\w*|\bunverändert\w*|\bstattgehabt\w*|\bvorbestehend\w*|\bchronisch\w*|\bfrüher\w*"
    r"|\bvorbekannt\w*|\bst\. ?p\."
    r"|\bprogredienz\b",
    r"\bold(?:er)?\b|\bchronic\b|\bheal(?:ed|ing)\b|\bremote\b|\bprior\b|\bprevious(?:ly)?\b|\bknown\b"
    r"|\bunchanged\b|\bstable\b"
    r"|\blong[- ]?standing\b|\bstatus post\b|\bs/p\b|\bhistory of\b|\bsince (?:19|20)\d\d\b|\bunited\b"
    r"|\bpre-?existing\b",
    r"\bancien(?:ne)?s?\b|\bantécédents?\b|\bconsolidée?s?\b|\binchangée?s?\b|\bconnue?s?\b|\bséquell\w+"
    r"|\bchroniques?\b"
    r"|\bstables?\b|\bvieux\b|\bvieille\b",
)
ACUTE = _any(
    r"\b(?:frisch|akut|neu|subakut|rezent)(?:e[nrsm]?)?\b|\bneu aufgetreten\w*",
    r"\bacute\b|\bnew\b|\brecent\b|\bfresh\b|\bsubacute\b",
    r"\brécente?s?\b|\baigu(?:ë|e|ës|s)?\b|\bnouve(?:au|lle)s?\b|\bfraîche?s?\b",
)
#: What is asked of the radiologist and no answer.
ASKED = _any(
    r"\brule out\b|\br/o\b|\bevaluate for\b|\bassess for\b|\bquery\b",
    r"\bausschluss (?:\w+ )?\w*fra[ck]tur\w*|\bfraktur ausschließen\b|\bfrage nach\b|\bfra[ck]tur\w*\?",
    r"\brecherche (?:de|d'une?) (?:fract|tass)\w*|\béliminer une fract\w*|\bfracture ?\?",
)
#: "Not to be mistaken for a fracture".
MISTAKEN = _any(r"\bmistaken\b|\bmimic\w*|\bverwechs\w*|\bconfond\w*")
#: What speaks of a vertebral body, where posterior elements are named too.
BODY = _any(
    r"\bbod(?:y|ies)\b|\bcorps\b|\bwirbelkörper\w*|\b(?:deck|grund)platt\w*|\bendplates?\b|\bburst\b|\bberst\w*",
    r"\b(?:[kc]ompression|wedge|keil|impression|sinter|tassement|berst)\w*",
)
INTACT = _any(
    r"\bintac?k?te?s?\b|\brespectée?s?\b|\bpreserved\b|\berhalten\w*|\bkein\w*\b|\bohne\b|\bno\b|\bwithout\b"
    r"|\bsans\b|\bpas\b"
)
POSTERIOR_WALL = _any(
    r"\bhinter(?:kante|wand)\w*|\bposterior (?:wall|cortex)\b|\bretropuls\w*|\bmur postérieur\b|\brecul\b"
)
LATTER = _any(r"\b(?:the latter|letztere\w*|ce(?:tte)? derni(?:er|ère))\b")
#: "No other fracture" speaks of all that was not named.
NO_OTHER = _any(r"\b(?:other|further|additional|weitere\w*|sonstige\w*|andere\w*|autres?|otherwise|sonst|ansonsten)\b")
ALL_OF_IT = _any(r"\bwirbelsäule\b|\bspine\b|\brachis\b|\bvertebra\w*|\bwirbel\w*|\bvertèbr\w+|\bvertébra\w*")
REGIONS = {
    "C": _any(r"\bHWS\b|\bHWK\b|\b[cz]ervi[ck]al\w*|\bhalswirbel\w*"),
    "T": _any(r"\bBWS\b|\bthora[ck]\w*|\bbrustwirbel\w*|\bdorsal\w*|\bdorso"),
    "L": _any(
        r"\bLWS\b|\blumbar\b|\blumbal\w*|\blendenwirbel\w*|lombaires?\b|\blumbo|\b\w*lumbalen?\b|\bthora[ck]olumb\w*"
    ),
}

#: Which AO type a description speaks of, most telling first.
HINTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "A3",
        _any(r"\b(?:incomplete|inkomplette\w*|incomplète) (?:\w+ )?(?:burst|berst\w*)", r"\bburst (?:\w+ )?incomplète"),
    ),
    ("A4", _any(r"\b(?:complete|komplette\w*|complète) (?:\w+ )?(?:burst|berst\w*)", r"\bburst (?:\w+ )?complète")),
    ("A2", _any(r"\bsplit\b|\bspalt\w*|\bpincer\b|\bkneifzang\w*|\bfracture[- ]séparation\b|\bdiabolo\b")),
)
#: Pressed in from one endplate: A1 where the posterior wall is left out, A3 where it is not.
IMPACTED = _any(
    r"\b\w*(?:impression|kompression|compression|wedge|keil|tassement|deckplatte|grundplatte)\w*|\bendplate\b"
    r"|\bplateau\b"
    r"|\bfracture en coin\b|\bcunéiforme\b|\bfra[ck]tur\w* der (?:deck|grund)platte"
)
#: A type by its name; C and B need "type" or "AO" before them less than C does, which is a letter of many meanings.
NAMED_TYPE = re.compile(
    r"\b(?:(?P<type>A[1-4]|B[1-3])(?:\.(?P<sub>\d))?|(?:AO|typ[e]?)[- ]?(?:typ[e]? )?(?P<c>C))(?!\w)"
)
