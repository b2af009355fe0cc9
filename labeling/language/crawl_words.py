"""The built-in words by which a crawl finds reports, and the phrases that look like a fracture and are none.

The lists of `labeling.language.words` hold, and what a crawl needs beyond them: it looks for any mention of a vertebral
body fracture, where reading a report asks what is said of each vertebra.
"""

from __future__ import annotations

import re

from labeling.language import words

__all__ = [
    "ACUTE_BREAK",
    "AFFIRMED",
    "BESIDE_METAL",
    "BUILT_IN",
    "COMPARED",
    "CRITERIA",
    "DISC",
    "FORM_WORDS",
    "GRAFT",
    "HARDWARE",
    "IN_THE_SPINE",
    "KINDS",
    "LANGUAGES",
    "MISSPELT",
    "OF_ANOTHER_ORGAN",
    "PLAIN",
    "PROCESS",
    "QUESTION",
    "RISK_AFTER",
    "RISK_BEFORE",
    "STATUS_POST",
    "STEMS",
    "TYPED",
]

LANGUAGES = ("de", "en", "fr")
#: Reasons to exclude a case, and which criterion of the protocol each is.
CRITERIA = {
    "instrumented": "i",
    "spondylodiscitis": "ii",
    "malignant": "iii",
    "osteolysis": "iv",
    "myelography": "v",
}
KINDS = ("fracture", "body", "negation", "suspicion", "history", "other_bone", *CRITERIA)


#: "Fracture" and "Fraktur" with a letter left out, doubled or in its neighbour's place. "Contracture" and the French
#: "facture" are words of their own.
MISSPELT = tuple(
    sorted(
        {
            wrong
            for right in ("fractur", "fraktur")
            for at in range(2, len(right) - 1)
            for wrong in (
                right[:at] + right[at + 1 :],
                right[:at] + right[at] + right[at:],
                right[: at - 1] + right[at] + right[at - 1] + right[at + 1 :],
            )
        }
    )
)


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


_PLATE = r"(?:deck|grund|boden|abschluss)platte\w*"
_LEVEL_AHEAD = r"(?=(?:the |la |vertebral |body ){0,2}(?:[TLD]\s?\d|Th\s?\d|[HBL]WK))"
_FRACTURE = (
    r"\b\w*fra[ck]tur(?:nachweis\w*|zeichen|hinweis\w*|verdacht\w*|verd[äa]chtig\w*|lini\w+|spalt\w*|fragment\w*"
    r"|heilung|konsolidierung|ierung)\b",
    words.FRACTURE.pattern,
    r"\bfracture (?:lines?|clefts?|gaps?|fragments?)\b|\btraits? (?:de fracture|fracturaires?)\b",
    r"\b(?:[ck]ompressions?)?(?:fx|fxs)\b|\bO?VCFs?\b|\bWKF\b",
    r"\b(?:wirbel|[hbl]wk|berst|kompression|impression|stauchung|deck|grund|(?:vorder|hinter|ober)?kante)[\w-]*"
    r"br[uü]ch(?:en?|e?s)?\b|\b(?:vorder|hinter|ober|unter)?kanten(?:ab)?spreng\w*|\beinbruch der " + _PLATE,
    rf"\b\w*(?:{'|'.join(MISSPELT)})(?:e[nsd]?|s)?\b",
    r"\b(?:impression|eindellung|kompression|(?:ein)?stauchung)(?:en)? der (?:\w+ ){0,2}" + _PLATE,
    r"\b[ck]ompression(?:s|en)? (?:of|von|de|des)\s" + _LEVEL_AHEAD,
    r"\b(?:impression|depression|compression|infraction)s? of (?:the )?(?:superior |inferior |upper |lower )?"
    r"(?:vertebral )?(?:end ?-?plates?|vertebral bod(?:y|ies))\b",
    r"\b(?:superior|inferior|upper|lower) end ?-?plate (?:impression|depression|compression|collapse|infraction)s?\b",
    r"\b(?:compressed|collapsed|crushed) vertebra\w*",
    r"\b(?:enfoncement|affaissement|effondrement|impression)s? (?:\w+ ){0,2}(?:du |des |de |d')(?:la |l')?(?:\w+ )?"
    r"(?:plateaux?|corps|vertèbres?|[LDT]\d)",
)
_NEGATION = (
    words.NEGATION.pattern,
    r"\bindemnes? de\b|\bunauffällig ohne\b|\bdenies\b",
)
_SUSPICION = (
    words.SUSPECTED.pattern,
    r"\bunlikely\b|\bunwahrscheinlich\b|\bpeu probable\b|\bimprobable\b|\bquestion of\b|\b\w*verd[äa]chtig\w*"
    r"|\bà vérifier\b|\bsous réserve\b|\bne peut(?:-on)? (?:pas )?être (?:exclu|élimin)\w*|\bfrakturverdacht\w*"
    r"|\bevtl\.?\B|\beventuell\w*|\béventuel\w*",
)
_HISTORY = (
    words.OLD.pattern.replace(r"|\bstable\b", "").replace(r"|\bstables?\b", ""),
    r"\bstable (?:since|compared|appearance|in appearance)\b|\bstables? (?:depuis|par rapport)\b",
    r"\bATCD\b|\bséquelles? de\b|\bresidu\w+|\bpost-?fra[ck]tur\w*|\bhx of\b|\bh/o\b|\bétat après\b|\bstatus nach\b"
    r"|\bsince (?:19|20)\d\d\b|\bseit (?:19|20)\d\d\b|\bdepuis (?:19|20)\d\d\b|\bnicht (?:mehr )?frisch\w*"
    r"|\bdéjà (?:présent|visible|décrit)\w*|\bsans changement\b|\bohne änderung\b|\bvorbeschrieben\w*"
    r"|(?<!jahre )\balt\b|\bfra[ck]tur(?:heilung|konsolidierung)|\bnon récente?s?\b|\bnot acute\b|\blong-?term\b"
    r"|\bde longue date\b|(?<!nicht )(?<!noch nicht )\bdurchbaute?[nrsm]?\b",
)
_OTHER_BONE = (
    words.OTHER_BONE.pattern,
    r"\b(?:c?k?al[ck]ane|[ck]alcane|kalkane|ulna|fibula|patell|malleol|malléol|metacarp|métacarp|metatars|métatars"
    r"|mandib|maxill|zygom|zigomat|talus|orbit|nasenbein|nasal|jochbein|felsenbein|mittelfuß|mittelhand|schulter)\w*",
    r"\b(?:ankle|wrist|knee|shoulder|elbow|tooth|teeth|toe|finger|hand|foot|face|facial|ulnar|radial)s?\b",
    r"\b(?:sprunggelenk|handgelenk|knie|ellenbogen|zahn|zehen|unterarm|oberarm|unterschenkel|oberschenkel)\w*",
    r"\b(?:cheville|poignet|genou|épaule|coude|dent|orteil|doigt|main|pied|cubitus|péroné|rotule|calcanéum|colles)s?\b",
    r"\bcosta(?:le?s?|ux)\b|\bosteophyt\w*|\bostéophyt\w*|\bsyndesmophyt\w*",
)
#: What is said of no bone at all: metal breaks too.
HARDWARE = _any(
    r"\bschraube\w*|\bstab(?:es|bruch)?\b|\bstäbe\b|\bmaterial\w*|\bimplantat\w*|\bcages?\b|\bscrews?\b|\brods?\b"
    r"|\bhardware\b|\bimplants?\b|\belectrodes?\b|\bmatériel\b|\bvis\b|\btiges?\b|\bprothes\w*|\bprothès\w*"
    r"|\bprosthe\w*"
)
_MALIGNANT = (
    r"\b(?:knochen|wirbel|ossäre |skelett)?metasta\w+|\bmétasta\w+|\bfilia\w+",
    r"\b(?:pathologi(?:sche|c|cal|que)\w*) (?:\w+ )?(?:fra[ck]tur\w*|tassement\w*|sinter\w*|collapse)"
    r"|\b(?:tassement|fracture)s? pathologiques?",
    r"\b(?:plasmo[cz]ytom|(?:multiples? )?myelom|myélom|lymphom|karzinom|carcinom|tumor|tumeur|malign)\w*",
    r"\bneoplas\w+|\bnéoplas\w+|\bneoplastic\b",
)
BUILT_IN: dict[str, re.Pattern[str]] = {
    "fracture": _any(*_FRACTURE),
    "body": _any(
        words.ALL_OF_IT.pattern,
        *(one.pattern for one in words.REGIONS.values()),
        r"\bwirbelkörper\w*|\b(?:deck|grund)platt\w*|\bend ?-?plates?\b|\bcorps vert\w+|\bplateaux?\b|\bWK\b",
    ),
    "negation": _any(*_NEGATION),
    "suspicion": _any(*_SUSPICION),
    "history": _any(*_HISTORY),
    "other_bone": _any(*_OTHER_BONE),
    "instrumented": _any(
        words.AUGMENTED.pattern,
        r"\blaminektom\w*|\blaminectom\w*|\bdorsale\w* stabilisierung|\bpedicle screw\w*|\bcorp[eo]rectom\w*"
        r"|\bkorporektom\w*|\bversteifung\w*|\bstabilisation chirurgicale\b|\bvis pédicul\w+|\bspinal surgery\b"
        r"|\bmatériel d'ostéosynthèse\b|\bvis\b(?!-à)|\bwirbelkörperersatz\w*",
    ),
    "spondylodiscitis": _any(
        words.REASONS_TO_EXCLUDE["spondylodiscitis"].pattern,
        r"\bspondylodis\w+tis\b|\bspondylitis\b(?! anky)|\bdiscite\b|\bspondylodiszit\w+|\bvertebral osteomyelitis\b",
    ),
    "malignant": _any(*_MALIGNANT),
    "osteolysis": _any(
        r"\bosteolys\w+|\bosteoly\w+|\bostéoly\w+|\blyse\b|\blytic\b|\blytiques?\b|\blésions? lytiques?"
    ),
    "myelography": _any(
        r"\b\w*myelogra\w+|\b\w*myélogra\w+|\bmyelo-?ct\b|\bct-?myelo\w*|\bintrathe[ck]al\w* [ck]ontrast\w*"
    ),
}
#: Pieces of words, in small letters, one of which stands in all that a list can match: what has none is not looked at.
STEMS: dict[str, tuple[str, ...]] = {
    "fracture": ("frakt", "fract", "sinter", "broche", "platten", "platte", "ompressi", "collaps", "tassement",
                 "burst", "berst", "fx", "vcf", "wkf", "einbr", "endplate", "end plate", "end-plate", "enfonce",
                 "affaisse", "effondre", "plana", "crushed", "compressed", "vertebral bod", "plateau", "bruch",
                 "brüch", "kanten", *MISSPELT),
    "shape": ("höhen", "height", "hauteur", "wedg", "keil", "unéiform", "deform", "déform", "fischwirb", "oncav"),
    "injury": ("injur", "abnormalit", "lesion", "läsion", "verletz", "lésion"),
    "instrumented": ("plast", "zement", "cement", "ciment", "dese", "fixateur", "schraube", "instrument", "screw",
                     "fusion", "osynthès", "arthrod", "hardware", "ektom", "ectom", "stabilis", "versteif", "pédicul",
                     "vis", "surgery", "ersatz"),
    "spondylodiscitis": ("tis", "discit", "spondyl"),
    "malignant": ("metasta", "métasta", "filia", "patholog", "zytom", "cytom", "myelom", "myélom", "lymphom", "arcino",
                  "arzino", "tum", "malign", "plas"),
    "osteolysis": ("lys", "lyt"),
    "myelography": ("myel", "myél", "intrathe"),
}  # fmt: skip

#: A posterior element, and the dens.
PROCESS = _any(
    words.PROCESS.pattern,
    # Of a vertebra or of a rib.
    r"\barcs? (?:postérieur|antérieur|latéra|moyen)\w*",
    r"\bdens(?:basis|spitzen)?(?:fra[ck]tur\w*)?\b|\bodonto[iï]d\w*",
)
#: Beside what was treated, and not what was.
BESIDE_METAL = re.compile(
    r"\b(?:above|below|adjacent|next to|oberhalb|unterhalb|neben|angrenzend\w*|anschluss\w*|au-dessus|au-dessous"
    r"|adjacente?"
    r"|sous-jacente?|sus-jacente?|kranial|kaudal|cranial|caudal)\b",
    re.IGNORECASE,
)
#: The fracture that is spoken of has not happened.
RISK_BEFORE = _any(
    r"\brisi(?:k|c)\w*\b|\brisk\b|\brisque\b|\bgefahr\b|\bgefährd\w*|\bprevent\w*|\bpréven\w*|\bprophyla\w*"
    r"|\bverhinder\w*"
    r"|\bwahrscheinlichkeit\b|\bprobability\b|\bscore\b"
)
RISK_AFTER = re.compile(
    r"[- ]?(?:risi[ck]\w*|risk|risque|gefahr|gefährd\w*|prevention|prophyla\w*|préven\w*|score|liaison|clinic"
    r"|sprechstunde"
    r"|probability)",
    re.IGNORECASE,
)
#: "Z. n. Sturz": what has been is the fall.
STATUS_POST = _any(
    r"\b(?:z\. ?n\.|zustand nach|st\. ?p\.|status (?:post|nach)|s/p|history of|hx of|h/o|antécédents? (?:de |d')"
    r"|ATCD (?:de |d')|état après|séquelles? de)"
)
_EVENT = (
    r"(?:\w+ ){0,2}?(?:\w*sturz\w*|\w*unfall\w*|\w*trauma\w*|VU|hochrasanz\w*|fall|fell|MVA|MVC|accident"
    r"|chute|injury)\b"
)
#: Words of age that speak of something else: an earlier examination, a person's years, an event.
COMPARED = re.compile(
    r"\b(?:\d+|\w+)[- ]years?[- ]old\b|\byears? old\b"
    r"|\b(?:prior|previous|older|old|known|früher\w*|vorherig\w*|alte\w*|ältere\w*|ancien(?:ne)?s?)\s+"
    r"(?:\w+[- ])?(?:CT|MRT?|MRI|IRM|TDM|scans?|scanner|study|studies|exam\w*|radiogra\w*|x-?rays?|imaging|films?"
    r"|images?|examens?|clichés?|untersuchung\w*|aufnahme\w*|voraufnahme\w*|bilder\w*)\b"
    rf"|{STATUS_POST.pattern}\s*{_EVENT}"
    r"|\bunchanged alignment\b|\bunveränderte\w* (?:stellung|alignement)\b|\bbekannte\w* (?:osteopor\w+|skolios\w+"
    r"|degenera\w+)|\bknown (?:osteopor\w+|scolios\w+|degenera\w+|cancer|carcinoma)|\bostéoporose connue\b"
    r"|\bchronic(?:\w+)? (?:back |low back )?pain\b|\bchronische\w* \w*schmerz\w*|\bdouleurs? chroniques?\b",
    re.IGNORECASE,
)  # fmt: skip
#: A suspicion that proved true.
AFFIRMED = _any(
    r"\bbestätig\w+|\bconfirm(?:s|ed|ing)\b|\bconfirm(?:e|ée?s?|ant)\b|\bgesichert\w*|\bnachgewiesen\b|\bproven\b"
)
ACUTE_BREAK = _any(words.ACUTE.pattern, r"\bneu\b|\binterval development\b|\bnouvellement\b|\bnewly\b")
#: Nouns that mean a broken vertebra only where a vertebra is spoken of, unlike these.
PLAIN = _any(r"fra[ck]tur|compression deform|tassement|berst|burst|sinter|fx|vcf|wkf|platte|end ?-?plate|vert")
DISC = _any(
    r"\bbandscheib\w*|\bzwischenwirbel\w*|\bdis[ck]s?\b|\bdisques?\b|\bdiscal\w*|\bdisk\w+|\bintervert\w*|\bsegment\w*"
    r"|\bosteochondr\w*|\bfächer?\b|\bspaces?\b|\bespaces?\b|\bpincement\w*|\bs[ck]olio\w*|\bkypho\w*|\bcyphose\w*"
    r"|\bcanal\b|\bthecal\b|\bspinalkanal\w*|\bmodic\b|\bvorfuß\w*|\bforamin\w*"
)
IN_THE_SPINE = _any(
    r"\boss\w*\b|\bknochen\w*|\bwirbel\w*|\bvert[eéè]br\w*|\bbone\b|\bbony\b|\bspin\w*|\brachis\b|\bskelet\w*"
    r"|\bskelett\w*"
    r"|\bsquelett\w*|\bBWS\b|\bLWS\b|\bHWS\b|\bfra[ck]tur\w*|\btassement\w*|\bpatholog\w*|\bspongio\w*|\bmyel\w*"
    r"|\bmyél\w*"
    r"|\bplasmo\w*"
)
OF_ANOTHER_ORGAN = _any(
    r"\bhepat\w*|\bhépat\w*|\bliver\b|\bleber\w*|\bpulmon\w*|\blungs?\b|\blungen\w*|\bfoie\b|\bpoumons?\b|\bbrain\b"
    r"|\bhirn\w*|\bzerebral\w*|\bcerebral\w*|\bcérébr\w*|\bniere\w*|\brenal\b|\bkidney\b|\brein\b|\brénal\w*"
    r"|\bschilddrüs\w*|\bthyroid\b|\bthyroïd\w*|\badrenal\b|\bnebennier\w*|\bovar\w*|\butér\w*|\buter\w*|\bnodal\b"
    r"|\blymphknoten\w*|\bganglion\w*|\bmamma\w*|\bbreast\b|\bsein\b|\bprostat\w*|\bcolon\b|\bkolon\w*|\bbronch\w*"
)
QUESTION = _any(
    words.ASKED.pattern,
    r"\?|\bausschluss\b|\bausschl\.?\B|\bausschließen\b|\babklärung\b|\bexclude\b|\brecherche\b|\béliminer\b"
    r"|\bbilan\b|\bhinweis auf\b|\bsigns of\b|\bstaging\b|\bscreening\b",
)
#: "Iliac bone graft", "fracture of the graft".
GRAFT = _any(r"\bgrafts?\b|\bspongiosaplastik\w*|\bgreffons?\b")
#: "BWK 12: A1": the type alone says that it is a fracture.
TYPED = re.compile(r"\b[AB][1-4]\b|\btyp[e]? C\b")

#: What a form shows of the built-in lists, to be switched off one by one. A star stands for any ending or beginning.
FORM_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "de": {
        "fracture": ("Fraktur", "Frakturen", "*fraktur", "*frakturen", "frakturiert*", "Frakturlini*", "*sinterung",
                     "*sinterungen", "eingebrochen*", "gebrochen*", "Deckplattenimpression", "Grundplattenimpression",
                     "Deckplatteneinbruch", "Berstung"),
        "body": ("Wirbel*", "Wirbelsäule", "Wirbelkörper*", "Deckplatt*", "Grundplatt*", "HWS", "BWS", "LWS"),
        "negation": ("kein", "keine", "keinen", "keiner", "keinerlei", "ohne", "weder"),
        "suspicion": ("V. a.", "Verdacht*", "fraglich*", "möglich*", "suspekt*", "unklar*", "DD", "eventuell*",
                      "wahrscheinlich*", "vermutlich*", "unwahrscheinlich"),
        "history": ("Z. n.", "Zustand nach", "alte", "alter", "ältere", "bekannt*", "konsolidiert*", "unverändert*",
                    "stationär*", "chronisch*", "vorbestehend*", "stattgehabt*"),
        "other_bone": ("Ripp*", "Becken*", "Femur*", "Schenkelhals*", "Hüft*", "Radius*", "Kreuzbein*", "Klavik*",
                       "Sprunggelenk*", "Schädel*"),
        "instrumented": ("Kyphoplast*", "Vertebroplast*", "Zement*", "Spondylodese*", "Schrauben*", "Fixateur",
                         "Laminektom*", "Versteifung*"),
        "spondylodiscitis": ("Spondylodiszitis", "Diszitis"),
        "malignant": ("Metasta*", "Filia*", "Plasmozytom*", "Lymphom*", "Karzinom*", "Tumor*"),
        "osteolysis": ("Osteolys*",),
        "myelography": ("Myelogra*", "Myelo-CT"),
    },
    "en": {
        "fracture": ("fracture", "fractures", "fractured", "compression deformity", "compression deformities",
                     "collapse of", "burst injury", "vertebra plana", "fx", "VCF", "fracture line"),
        "body": ("spine", "vertebra*", "thorac*", "lumbar", "cervical*", "endplate", "endplates"),
        "negation": ("no", "without", "negative for", "absence of", "nor", "neither", "free of"),
        "suspicion": ("suspect*", "suspicio*", "possib*", "questionable", "equivocal", "concerning for", "may be",
                      "versus", "probable", "likely", "unlikely"),
        "history": ("old", "chronic", "healed", "healing", "remote", "prior", "known", "unchanged", "history of",
                    "status post", "s/p", "longstanding"),
        "other_bone": ("rib", "ribs", "pelvi*", "hip", "femor*", "femur*", "radius*", "sacral", "sacrum", "clavic*",
                       "humer*", "ankle", "wrist", "skull"),
        "instrumented": ("kyphoplast*", "vertebroplast*", "cement*", "screw", "screws", "fusion", "hardware",
                         "instrumentation", "laminectom*"),
        "spondylodiscitis": ("spondylodiscitis", "discitis"),
        "malignant": ("metasta*", "myelom*", "lymphom*", "carcinom*", "tumor*", "neoplas*"),
        "osteolysis": ("osteolys*", "lytic"),
        "myelography": ("myelogra*",),
    },
    "fr": {
        "fracture": ("fracture", "fractures", "tassement", "tassements", "lésion fracturaire", "trait de fracture"),
        "body": ("rachis", "vertèbr*", "vertébra*", "lombaire", "plateau", "plateaux"),
        "negation": ("pas", "sans", "aucun", "aucune", "absence de", "ni", "indemne de"),
        "suspicion": ("suspect*", "soupçon", "doute", "possib*", "probable", "à confirmer", "éventuel*",
                      "peu probable"),
        "history": ("ancien", "ancienne", "anciens", "anciennes", "antécédent", "antécédents", "consolidée", "connue",
                    "connu", "inchangé", "inchangée", "séquell*", "ATCD"),
        "other_bone": ("côte", "côtes", "bassin", "hanche", "fém*", "cotyle", "radius*", "poignet", "cheville",
                       "crâne"),
        "instrumented": ("vertébroplast*", "cyphoplast*", "ciment*", "ostéosynthèse", "arthrodèse"),
        "spondylodiscitis": ("spondylodiscite", "discite"),
        "malignant": ("métasta*", "myélom*", "lymphom*", "carcinom*", "tumeur*"),
        "osteolysis": ("ostéoly*", "lyse", "lytique"),
        "myelography": ("myélogra*",),
    },
}  # fmt: skip
