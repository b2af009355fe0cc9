"""Clinical reports of simulated cases: what a radiologist would dictate of the truth, in German, English or French."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .spec import CaseSpec
from .truth import VertebraTruth

__all__ = ["report_of"]

_NAMES = {
    "de": {"C": "HWK", "T": "BWK", "L": "LWK"},
    "en": {"C": "C", "T": "T", "L": "L"},
    "fr": {"C": "C", "T": "D", "L": "L"},
}

_INDICATION = {
    "de": (
        "Fragestellung: Ausschluss Fraktur nach Sturz.",
        "Fragestellung: Rückenschmerzen nach Sturz von der Leiter, knöcherne Verletzung?",
        "Klinische Angaben: Seit drei Tagen immobilisierende Rückenschmerzen.",
    ),
    "en": (
        "Indication: fall from standing height, rule out vertebral fracture.",
        "Indication: back pain after a fall on ice.",
        "Clinical information: acute back pain, osteoporosis.",
    ),
    "fr": (
        "Indication : chute de sa hauteur, recherche de fracture.",
        "Indication : dorsolombalgies aiguës après une chute.",
        "Renseignements cliniques : douleurs rachidiennes depuis une semaine.",
    ),
}

_NORMAL = {
    "de": ("Kein Nachweis einer frischen Wirbelkörperfraktur.", "Die abgebildeten Wirbelkörper sind normal hoch."),
    "en": ("No acute vertebral fracture.", "Vertebral body heights are maintained."),
    "fr": ("Absence de fracture vertébrale récente.", "Hauteur conservée des corps vertébraux."),
}

_FRESH: dict[str, dict[str, tuple[str, ...]]] = {
    "de": {
        "A1": (
            "Frische {plate}nimpressionsfraktur {level} mit Höhenminderung um {loss} %, Hinterkante intakt (AO A1).",
            "Keilförmige Kompressionsfraktur {level}, ventrale Höhenminderung ca. {loss} %. Kein Hinterkantenversatz.",
        ),
        "A2": ("Spaltfraktur {level} durch beide Deckplatten bei erhaltener Hinterkante (AO A2).",),
        "A3": (
            "Inkomplette Berstungsfraktur {level} mit {back} mm Hinterkantenversatz (AO A3).",
            "Fraktur der {plate} {level} mit Beteiligung der Hinterkante, Versatz {back} mm.",
        ),
        "A4": ("Komplette Berstungsfraktur {level} (A4) mit Vorwölbung in den Spinalkanal um {back} mm.",),
    },
    "en": {
        "A1": (
            "Acute {plate} endplate compression fracture of {level} with {loss}% height loss. Posterior wall intact.",
            "Wedge compression fracture of {level} (AO A1), {loss}% loss of anterior height.",
        ),
        "A2": ("Coronal split fracture of {level} through both endplates, posterior wall intact (A2).",),
        "A3": ("Incomplete burst fracture of {level} with {back} mm retropulsion (AO A3).",),
        "A4": ("Complete burst fracture of {level} (A4), both endplates involved, retropulsion of {back} mm.",),
    },
    "fr": {
        "A1": (
            "Fracture-tassement récente du plateau {plate} de {level}, perte de hauteur de {loss} %, mur postérieur "
            "respecté.",
        ),
        "A2": ("Fracture-séparation de {level} sans recul du mur postérieur (A2).",),
        "A3": ("Fracture de type burst incomplète de {level} avec recul du mur postérieur de {back} mm.",),
        "A4": ("Fracture de type burst complète de {level} (A4) avec recul du mur postérieur de {back} mm.",),
    },
}

_OLD = {
    "de": "Alte, konsolidierte Sinterungsfraktur {level} mit Höhenminderung um {loss} %.",
    "en": "Chronic compression deformity of {level}, {loss}% height loss, without acute fracture line.",
    "fr": "Tassement ancien de {level}, perte de hauteur de {loss} %.",
}

_MIMIC = {
    "de": {
        "schmorl": "Schmorl-Knoten {level}.",
        "wedge": "Geringe Keilform {level}, am ehesten physiologisch.",
        "cupid": "Grundplatte {level} mit symmetrischer Eindellung, anlagebedingt.",
    },
    "en": {
        "schmorl": "Schmorl node at {level}.",
        "wedge": "Mild anterior wedging of {level}, likely physiological.",
        "cupid": "Cupid's bow contour of the inferior endplate of {level}, a normal variant.",
    },
    "fr": {
        "schmorl": "Hernie intraspongieuse de {level}.",
        "wedge": "Discrète cunéiformisation de {level}, d'allure physiologique.",
        "cupid": "Aspect en arc du plateau inférieur de {level}, variante de la normale.",
    },
}

_PLATES = {
    "de": {"superior": "Deckplatte", "inferior": "Grundplatte"},
    "en": {"superior": "superior", "inferior": "inferior"},
    "fr": {"superior": "supérieur", "inferior": "inférieur"},
}

_HEADS = {
    "de": ("Simulation. CT der Wirbelsäule.", "Befund:", "Beurteilung:"),
    "en": ("Simulation. CT of the spine.", "Findings:", "Impression:"),
    "fr": ("Simulation. TDM du rachis.", "Résultats :", "Conclusion :"),
}


def report_of(spec: CaseSpec, vertebrae: Sequence[VertebraTruth], rng: np.random.Generator) -> str:
    """The report of a case; it says in its first line that the CT is simulated."""
    language = spec.language
    title, findings, impression = _HEADS[language]
    shown = [one for one in vertebrae if one.complete]
    broken = [_sentence(one, language, rng) for one in shown if one.fractured]
    others = [_MIMIC[language][one.mimic].format(level=_name(one.level, language)) for one in shown if one.mimic]
    if not broken:
        broken = [_NORMAL[language][0]]
        others = others or [_NORMAL[language][1]]
    indication = str(rng.choice(_INDICATION[language]))
    lines = [title, indication, findings, *broken, *others, impression, broken[0]]
    return "\n".join(lines)


def _sentence(one: VertebraTruth, language: str, rng: np.random.Generator) -> str:
    pattern = _OLD[language] if one.old else str(rng.choice(_FRESH[language][one.ao_type]))
    return pattern.format(
        level=_name(one.level, language),
        loss=max(5, 5 * round(one.loss * 20)),
        back=max(1, round(one.retropulsion)),
        plate=_PLATES[language].get(one.endplate, ""),
    )


def _name(level: str, language: str) -> str:
    region = _NAMES[language][level[0]]
    return f"{region} {level[1:]}" if language == "de" else f"{region}{level[1:]}"
