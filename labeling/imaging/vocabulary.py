"""The words that may leave a free-text attribute, and the tests that text must pass.

Descriptions, device names and kernels are typed by people or by scanners, and people type names into them. So nothing
is searched for and removed: text is taken apart, and only words from these closed lists, or codes too short and too
regular to name anyone, go on. A word that is missing here is lost, which is the right way to fail; words that are also
common family names (hart, weich, lang, kern) are left out on purpose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import takewhile

__all__ = ["body_part", "contrast_agent", "image_type", "kernel", "maker", "model", "series_words"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLANES = _words(
    "sag sagittal sagital sagittale sagittaler sagittales ax axial axiale tra trans transversal transverse "
    "transversale cor coronal coronale kor koronar frontal oblique schraeg parasagittal ap lat lateral"
)
_WINDOWS = _words(
    "bone bones boneplus knochen knochenfenster os osseux osseuse ossa soft softtissue weichteil weichteile "
    "weichteilfenster wt tissue tissues mou mous molle parenchyme parenchym smooth standard std detail edge "
    "ultra lung lungs lunge poumon pulmonaire kernel fenster fenetre window abdfenster medium"
)
_REGIONS = _words(
    "spine spinal wirbel wirbelsaeule wirbelsaule wirbelkoerper ws hws bws lws bwk lwk hwk rachis colonne vertebral "
    "vertebrale vertebra vertebrae lumbar lumbal lumbale lombaire lombo lumbosacral lumbosakral lomboscare cervical "
    "cervicale zervikal thoracic thorakal thoracique dorsal dorsale dorso thoracolumbar thorakolumbal "
    "thoracolombaire sacrum sakrum sacral sacre kreuzbein steissbein coccyx cspine tspine lspine tlspine ctspine "
    "lsspine ctl tl ls tls ganzws thorax chest abdomen abd abdominal abdo becken pelvis pelvic bassin neck hals cou "
    "schaedel skull crane trunk torso oberbauch liver foie kidney hip hips huefte hanche "
    "rib ribs rippen cotes femur shoulder epaule wholebody ganzkoerper corps entier body aorta heart "
    "polytrauma trauma schockraum"
)
_TECHNIQUE = _words(
    "ct tdm scanner pet spect native nativ sans avec without with mit ohne kontrast kontrastmittel contrast "
    "contraste km iv inj injection ce nc nce arteriell arterial arteriel venous venoes portal portalvenoes veineux "
    "late spaet mpr mip mpvr vrt thin thick duenn mince recon rekon reko reconstruction reformat reformation "
    "reformatiert slice slices schicht schichten spiral helical helix topogram scout localizer lokalizer surview "
    "scanogram dose report protocol protokoll patientenprotokoll bericht volume volumen vol stack safire admire "
    "asir idose imr aidr mar imar omar metal metall low lowdose dual energy mono monoenergetic monoplus mixed myelo "
    "myelography myelographie biopsy biopsie intervention fracture fraktur control kontrolle follow verlauf prone "
    "supine bauchlage rueckenlage 3d 2d mm hd hr hrct ldct cta angio"
)
_LEVEL = re.compile(r"(c[1-7]|t([1-9]|1[0-3])|th([1-9]|1[0-2])|d([1-9]|1[0-2])|l[1-6]|s[1-5])", re.ASCII)
_UMLAUTS = {
    ord(letter): spelled for letter, spelled in zip("äöüÄÖÜß", ("ae", "oe", "ue", "Ae", "Oe", "Ue", "ss"), strict=True)
}
_SERIES_WORDS = _PLANES | _WINDOWS | _REGIONS | _TECHNIQUE


def series_words(description: str) -> list[str]:
    """The known words of a series, study or protocol description, in order, each once, in lower case without accents.

    German, English and French terms for planes, windows, regions and technique, and single vertebral levels ("l1"); ä,
    ö, ü are written ae, oe, ue. What is not in the list is left out: "Müller, LWS sag Knochen 2.0" gives ``["lws",
    "sag", "knochen"]``.
    """
    spelled = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", description).translate(_UMLAUTS))
    spelled = "".join(letter for letter in spelled if not unicodedata.combining(letter))
    found: list[str] = []
    for token in re.findall(r"[A-Za-z0-9]+", spelled):
        parts = [token.lower()]
        if not _known(parts[0]):
            # "SagLWS3" is two words and a number. Unless all words are known none counts: no part of a name slips out.
            parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", token)]
        if all(_known(part) for part in parts):
            found += [part for part in parts if part not in found]
    return found


def _known(word: str) -> bool:
    return word in _SERIES_WORDS or _LEVEL.fullmatch(word) is not None


_MAKERS = _words(
    "SIEMENS GE PHILIPS TOSHIBA CANON UIH UNITED HITACHI FUJIFILM FUJI NEUSOFT SHIMADZU PICKER MARCONI ELSCINT "
    "IMATRON NEUROLOGICA SAMSUNG CARESTREAM PLANMED CURVEBEAM BRAINLAB MEDTRONIC XORAN ANKE MINFOUND SINOVISION "
    "AGFA HOLOGIC NMS"
)
_MAKER_WORDS = _MAKERS | _words(
    "MEDICAL SYSTEMS SYSTEM HEALTHCARE HEALTHINEERS IMAGING CORPORATION CORP CO COMPANY LTD INC AG GMBH BV MEC "
    "MEDIZINTECHNIK SHANGHAI SHENZHEN SHENYANG ELECTRONICS"
)
_MODELS = _words(
    "SOMATOM DEFINITION SENSATION EMOTION SPIRIT PERSPECTIVE SCOPE CONFIDENCE NAEOTOM BIOGRAPH SYMBIA VOLUME ZOOM "
    "LIGHTSPEED BRIGHTSPEED HISPEED PROSPEED DISCOVERY OPTIMA REVOLUTION BRILLIANCE INGENUITY INCISIVE IQON GEMINI "
    "MX8000 ICT PRECEDENCE ACCESS AQUILION ASTEION ACTIVION ALEXION ALEXION16 XVISION ASTEION4 UCT UMI SCENARIA "
    "SUPRIA ECLOS PRESTO NEUVIZ CT VEREOS XPRESS UMICT ANATOM BODYTOM CERETOM OMNITOM HIQ PQ"
)
_MODEL_WORDS = _MODELS | _words(
    "X S FLASH EDGE FORCE DRIVE AS PLUS GO TOP ALL UP NOW SIM OPEN PRO CITE ALPHA PEAK MCT MCTX VISION QUADRA "
    "TRUEPOINT HOREZON TRUEV INTEVO VCT ULTRA RT LS ST STE IQ MI HD EVO FRONTIER APEX ASCEND MAXIMA BIG BORE SP ELITE "
    "SPECTRAL CORE TF DUAL POWER EXP EXPERT ONE PRIME LIGHTNING GENESIS PRECISION SERVE CXL LB LARGE VISUAL VIEW "
    "SUPER DUO HDE GSI ES CARDIAC EXCEL NEW SLICE TOSHIBA SIEMENS PHILIPS GE TEN SIXTEEN ADAPTIVE EDITION "
    "INTELLIGENT"
)
_KERNEL_WORDS = _words(
    "SOFT STANDARD STND STD CHEST DETAIL BONE BONEPLUS BONE+ EDGE ULTRA LUNG BODY HEAD BRAIN SMOOTH SHARP SHARPPLUS "
    "SHARPER HD AIDR AIDR3D FIRST ADMIRE SAFIRE ASIR VEO IMR IDOSE QR BR HR SPINE CARDIAC XRES VSHARP VSOFT YA YB "
    "YC YD YE UA UB UC EA EB EC SB MILD STRONG WEAK MEDIUM ROUTINE INNEREAR XL"
)
_AGENTS = _words(
    "IOHEXOL OMNIPAQUE ACCUPAQUE IOMEPROL IMERON IOMERON IOPROMIDE IOPROMID ULTRAVIST IODIXANOL VISIPAQUE "
    "IOBITRIDOL XENETIX IOPAMIDOL ISOVUE IOPAMIRON SOLUTRAST IOVERSOL OPTIRAY IOXITALAMATE TELEBRIX IOXAGLATE "
    "HEXABRIX IOXILAN OXILAN IOXAGLAT GASTROGRAFIN GASTROGRAFINE GASTROLUX PERITRAST BARIUM MICROPAQUE SCANLUX"
)
_AGENT_WORDS = _AGENTS | _words("CONTRAST APPLIED KM IV ORAL RECTAL ML MG MGI JOD IOD IODINE NON IONIC CE YES JA OUI")
_BODY_PARTS = _words(
    "HEAD SKULL BRAIN NECK CSPINE TSPINE LSPINE SPINE SSPINE TLSPINE CTSPINE LSSPINE CERVICALSPINE THORACICSPINE "
    "LUMBARSPINE WHOLESPINE HWS BWS LWS WIRBELSAEULE RACHIS CHEST THORAX LUNG HEART BREAST ABDOMEN ABD LIVER KIDNEY "
    "PELVIS PELV SACRUM COCCYX HIP SHOULDER EXTREMITY FEMUR TRUNK BODY WHOLEBODY PARTIALBODY CHESTABDOMEN "
    "CHESTABDPELVIS ABDOMENPELVIS ABDPELV THORAXABDOMEN CHESTABDPELV RIB RIBS CTL TO AND CERVICAL THORACIC LUMBAR "
    "SACRAL"
)
_IMAGE_TYPES = _words(
    "AXIAL LOCALIZER MPR CURVED REFORMATTED REFORMAT AVERAGE MIP MINIP MIN MAX IP VRT VOLUME PROJECTION IMAGE "
    "RESAMPLED SCREENSAVE CSA CSAPARALLEL CSA3D PARALLEL THICK THIN SAGITTAL CORONAL SPI SEQ TOP REF DRI MONO "
    "MONOENERGETIC SOM5 SOM7 SOM8 CT NONE NORM M OTHER HELIX HELICAL RECON HIS REPROCESSED VMI BASE OSTEO PROCESSED "
    "FUSED COMPOSED COMBINED SUBTRACTION GSI RFMT BONE"
)
_PLAIN = re.compile(r"[A-Za-z0-9+ _./,()-]{1,64}", re.ASCII)
_KERNEL_CODE = re.compile(r"[A-Z]{1,2}\d{1,2}[A-Z]{0,2}|\d{1,2}|[A-EL]|ID|FC\d{2,3}", re.ASCII)
_MODEL_CODE = re.compile(r"[A-Z]{0,3}\d{1,4}[A-Z]{0,2}", re.ASCII)
_AGENT_CODE = re.compile(r"\d{3}|\d{1,3}(ML|MG)", re.ASCII)
_TYPE_CODE = re.compile(r"\d{1,3}|[A-Z]\d{0,2}|[WMIX]\d{1,3}[A-Z]?", re.ASCII)


def _allowed(
    text: str, words: frozenset[str], code: re.Pattern[str] | None = None, needed: frozenset[str] | None = None
) -> bool:
    """Whether every piece of `text` is one of `words` or matches `code`, and one of `needed` is among them.

    More than six digits in all are refused whatever the pieces: enough for "CT750" or "Br38f 3", too few for a number
    that is someone's.
    """
    if not _PLAIN.fullmatch(text) or sum(letter.isdigit() for letter in text) > 6:
        return False
    pieces = [_bare(piece, words) for piece in re.findall(r"[A-Z0-9+]+", text.upper())]
    if not pieces or (needed is not None and not any(piece in needed for piece in pieces)):
        return False
    return all(piece in words or (code is not None and code.fullmatch(piece)) for piece in pieces)


def _bare(piece: str, words: frozenset[str]) -> str:
    """A known word without the plus or the number of rows behind it ("AS+", "Biograph40"), else the piece as it is."""
    for shorter in (piece.rstrip("+"), re.sub(r"\d{1,3}$", "", piece)):
        if shorter in words:
            return shorter
    return piece


def maker(text: str) -> str:
    """`text` of Manufacturer (0008,0070) if it is made of known makers' names, else ""."""
    return text if _allowed(text, _MAKER_WORDS, None, _MAKERS) else ""


def model(text: str) -> str:
    """`text` of Manufacturer's Model Name (0008,1090) if it is made of known scanner names and short codes, else ""."""
    return text if _allowed(text, _MODEL_WORDS, _MODEL_CODE, _MODELS) else ""


def kernel(values: Sequence[str]) -> tuple[str, ...]:
    """The values of Convolution Kernel (0018,1210), name first, up to the first that does not look like one ("Br38f"
    and "3", "BONEPLUS", "FC30"): an unknown strength must not take the name with it.
    """
    given = [value for value in values if value][:4]
    return tuple(takewhile(lambda value: _allowed(value, _KERNEL_WORDS, _KERNEL_CODE), given))


def contrast_agent(text: str) -> str:
    """The known words and the concentration of Contrast/Bolus Agent (0018,0010), in capitals; "" if nothing known is
    in it or anything unknown is.
    """
    return " ".join(text.upper().split()) if _allowed(text, _AGENT_WORDS, _AGENT_CODE, _AGENT_WORDS) else ""


def body_part(text: str) -> str:
    """`text` of Body Part Examined (0018,0015; defined terms in PS3.16 Annex L) in capitals if it is made of known
    body parts, else "".
    """
    return text.upper() if len(text) <= 16 and _allowed(text, _BODY_PARTS) else ""


def image_type(values: Sequence[str]) -> tuple[str, ...]:
    """The values of Image Type (0008,0008) up to the first unknown one: their places carry meaning (PS3.3
    C.7.6.1.1.2), so none may move up.
    """
    if len(values) < 2 or values[0] not in ("ORIGINAL", "DERIVED") or values[1] not in ("PRIMARY", "SECONDARY"):
        return ()
    kept = list(values[:2])
    for value in values[2:8]:
        if not _allowed(value, _IMAGE_TYPES, _TYPE_CODE):
            break
        kept.append(value)
    return tuple(kept)
