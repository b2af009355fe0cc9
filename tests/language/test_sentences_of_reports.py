"""What reports say, sentence by sentence, in three languages; written for this purpose, of no patient."""

from __future__ import annotations

import pytest

from labeling.language import read_report

#: Text, and what it says: level -> verdict, then "acute" or "old", the AO type, "process"; "*" is a general denial,
#: "*fresh" one of fresh fractures alone, "*L" one of a region.
TABLE: list[tuple[str, str]] = [
    # German: fractures
    ("Frische Deckplattenimpressionsfraktur LWK 1 ohne Hinterkantenbeteiligung (AO A1).", "L1 fracture acute A1"),
    ("Inkomplette Berstungsfraktur BWK 12 mit 4 mm Hinterkantenversatz.", "T12 fracture A3"),
    ("Komplette Berstungsfraktur L2 (A4) mit Einengung des Spinalkanals um 50 %.", "L2 fracture A4"),
    ("Höhenminderung LWK 4 um ca. 30 %, Alter der Fraktur nicht sicher zu bestimmen.", "L4 fracture A1?"),
    ("Fraktur der Grundplatte BWK 9 mit Beteiligung der Hinterkante, Versatz 3 mm.", "T9 fracture A3"),
    ("Keilförmige Kompressionsfraktur LWK 3, ventrale Höhenminderung ca. 40 %. Kein Hinterkantenversatz.",
    "L3 fracture A1"),
    ("Spaltfraktur des 2. LWK bei erhaltener Hinterkante.", "L2 fracture A2"),
    ("Frakturen BWK 5, 7 und 9.", "T5 fracture; T7 fracture; T9 fracture"),
    ("Osteoporotische Sinterungsfrakturen BWK 6 bis 8.", "T6 fracture; T7 fracture; T8 fracture"),
    ("Der 12. Brustwirbelkörper zeigt eine frische Fraktur.", "T12 fracture acute"),
    ("LWK1-Fraktur, A3.", "L1 fracture A3"),
    ("Frakturen BWK 12 (A1) und LWK 1 (A4).", "T12 fracture A1; L1 fracture A4"),
    ("BWK 12: A1, LWK 1: A4.", "T12 fracture A1; L1 fracture A4"),
    ("LWK 2: frische Deckplattenimpression.", "L2 fracture acute A1"),
    ("Distraktionsverletzung Th12/L1, Fraktur BWK 12 (AO Typ B2).", "T12 fracture B2"),
    ("Osteochondrose L4/5 und Fraktur LWK 1.", "L1 fracture"),
    ("Fraktur LWK 1, Osteochondrose L4/5 und L5/S1.", "L1 fracture"),
    # German: old, suspected, denied, other bones
    ("Bekannte, alte Sinterungsfraktur BWK 8, stationär zur Voruntersuchung.", "T8 fracture old"),
    ("Z.n. Fraktur LWK1.", "L1 fracture old"),
    ("Zustand nach Fraktur BWK 11, knöchern konsolidiert.", "T11 fracture old"),
    ("Z. n. Kyphoplastie L1 und L2, neue Fraktur L3.", "L3 fracture acute"),
    ("Keine Zunahme der bekannten Sinterung BWK 8.", "T8 fracture old"),
    ("Kein Hinweis auf Instabilität bei alter Fraktur LWK 2.", "L2 fracture old"),
    ("V. a. Fraktur LWK 3, DD Schmorl-Knoten; MRT empfohlen.", "L3 indeterminate"),
    ("Eine Fraktur des BWK 7 ist nicht sicher auszuschließen.", "T7 indeterminate"),
    ("Fragliche Deckplattenimpression LWK 5.", "L5 indeterminate"),
    ("Frische Fraktur LWK 3?", "L3 indeterminate acute"),
    ("Geringe Höhenminderung BWK 6.", "T6 indeterminate"),
    ("Keine frischen Frakturen.", "*fresh"),
    ("Kein Nachweis einer frischen Wirbelkörperfraktur.", "*fresh"),
    ("Keine Fraktur.", "*"),
    ("Weder Fraktur noch Luxation.", "*"),
    ("Eine Fraktur ist nicht nachweisbar.", "*"),
    ("Fraktur: keine.", "*"),
    ("Keine Fraktur der LWS.", "*L"),
    ("Keine weiteren Frakturen.", "*"),
    ("Fraktur LWK 1, keine weitere Fraktur.", "L1 fracture; *"),
    ("Keine Fraktur LWK 2, jedoch Fraktur LWK 3.", "L2 negative; L3 fracture"),
    ("Keilförmige Deformierung BWK 11, am ehesten physiologisch.", "T11 negative"),
    ("Osteochondrose L4/5 mit Deckplattensklerose, frakturunverdächtig.", "L4 negative; L5 negative"),
    ("Querfortsatzfrakturen L2 und L3 links, Wirbelkörper intakt.", "L2 negative process; L3 negative process"),
    ("Dornfortsatzfraktur HWK 7.", "C7 negative process"),
    ("Rippenserienfraktur 6-9 rechts; Wirbelsäule ohne Fraktur.", "*"),
    ("Rippenfraktur rechts in Höhe BWK 8.", ""),
    ("Mediale Schenkelhalsfraktur rechts, Beckenringfraktur.", ""),
    ("Keine Rippenfraktur.", ""),
    ("Erhöhtes Frakturrisiko bei Osteoporose.", ""),
    ("Fragestellung: Ausschluss Fraktur LWK 1 nach Sturz.", ""),
    ("Fragestellung: Fraktur LWK 1? Es zeigt sich eine frische Fraktur LWK 2.", "L2 fracture acute"),
    ("Fraktur L1/2.", "L1 indeterminate; L2 indeterminate"),
    ("Keine Fraktur L1/2.", "L1 negative; L2 negative"),
    # English
    ("Acute superior endplate compression fracture of L1 with 40% anterior height loss.", "L1 fracture acute A1"),
    ("Burst fracture of L1 with retropulsion.", "L1 fracture"),
    ("T7, T9 and L1 compression fractures.", "T7 fracture; T9 fracture; L1 fracture"),
    ("Chronic compression deformities of T7 and T9, unchanged since 2019.", "T7 fracture old; T9 fracture old"),
    ("Chronic compression deformity of T8, 30% height loss, without acute fracture line.", "T8 fracture old"),
    ("Chronic compression fracture of T8 without acute fracture.", "T8 fracture old"),
    ("History of L3 fracture 2015. Lumbar spine otherwise unremarkable.", "L3 fracture old"),
    ("Interval healing of the T11 compression fracture.", "T11 fracture old"),
    ("No change in the known L1 fracture.", "L1 fracture old"),
    ("No retropulsion of the L1 fracture.", "L1 fracture"),
    ("Likely chronic compression fracture of T12.", "T12 fracture old"),
    ("Probable compression fracture of T12.", "T12 indeterminate"),
    ("A fracture of L4 cannot be excluded.", "L4 indeterminate"),
    ("Age-indeterminate wedging of T6; correlate clinically or with MRI.", "T6 indeterminate"),
    ("Age-indeterminate compression fracture of T6.", "T6 fracture"),
    ("No acute fracture or malalignment.", "*fresh"),
    ("No fracture.", "*"),
    ("There is no evidence of vertebral fracture.", "*"),
    ("No subluxation, dislocation or fracture is seen.", "*"),
    ("No fracture of T12; however, burst fracture of L1 with retropulsion.", "T12 negative; L1 fracture"),
    ("Fracture of L1 without fracture of L2.", "L1 fracture; L2 negative"),
    ("L5 transverse process fracture.", "L5 negative process"),
    ("Spinous process fractures C7 and T1 (clay-shoveler); bodies intact.", "C7 negative process; T1 negative process"),
    ("Burst fracture of L2 with fracture of the left lamina.", "L2 fracture process"),
    ("Schmorl node at L2, should not be mistaken for fracture.", "L2 negative"),
    ("Schmorl node at L2.", "L2 negative"),
    ("Limbus vertebra at L4; no acute osseous injury.", "L4 negative; *fresh"),
    ("Fracture of the left femur.", ""),
    ("Rib fracture.", ""),
    ("Healed rib fractures on the right at the level of T8.", ""),
    ("Fracture of the left sacral ala. No lumbar vertebral fracture.", "*L"),
    ("Disc bulge at L4-L5, facet arthropathy L5/S1.", ""),
    ("FRAX: high fracture risk.", ""),
    ("T2-weighted images show edema.", ""),
    ("Indication: fall from ladder, rule out vertebral fracture.", ""),
    ("Status post T10-L2 instrumentation for burst fracture of T12.", "T12 fracture old"),
    ("Multilevel compression fractures T5 to T8 and L1, the latter new.",
     "T5 fracture; T6 fracture; T7 fracture; T8 fracture; L1 fracture acute"),
    ("Fracture of the second lumbar vertebra.", "L2 fracture"),
    ("Wedge fracture of T12-L2.", "T12 fracture; L1 fracture; L2 fracture"),
    # French
    ("Fracture-tassement récente du plateau supérieur de L1 sans recul du mur postérieur.", "L1 fracture acute A1"),
    ("Fracture de la vertèbre L1.", "L1 fracture"),
    ("Absence de fracture vertébrale récente.", "*fresh"),
    ("Pas de fracture.", "*"),
    ("Tassement ancien de D12, inchangé.", "T12 fracture old"),
    ("Tassements de D5 à D8.", "T5 fracture; T6 fracture; T7 fracture; T8 fracture"),
    ("Fracture de type burst de L2 avec recul du mur postérieur de 6 mm.", "L2 fracture"),
    ("Fracture de type burst complète de L2 (A4) avec recul du mur postérieur.", "L2 fracture A4"),
    ("Suspicion de fracture de D9, à compléter par une IRM.", "T9 indeterminate"),
    ("Une fracture de L3 ne peut être exclue.", "L3 indeterminate"),
    ("Pas d'argument pour une fracture ; hernies intraspongieuses étagées.", "*"),
    ("Fracture des apophyses transverses droites de L3 et L4.", "L3 negative process; L4 negative process"),
    ("Antécédent de vertébroplastie de L3 ; fracture nouvelle de L2.", "L2 fracture acute"),
    ("Lyse de D6 d'allure métastatique avec tassement pathologique.", "T6 fracture"),
    ("Fracture en coin de D11 (A1), cyphose locale de 15°.", "T11 fracture A1"),
    ("Fracture consolidée de L4, sans signe d'instabilité.", "L4 fracture old"),
    ("Remaniements dégénératifs sans fracture ; fracture de côte connue à gauche.", "*"),
    ("Pas de majoration du tassement connu de L1.", "L1 fracture old"),
    ("Discrète cunéiformisation de D7, d'allure physiologique.", "T7 negative"),
    ("Fracture de la deuxième vertèbre lombaire.", "L2 fracture"),
    ("Renseignements cliniques : recherche de fracture de L1.", ""),
    ("Aucune fracture du rachis lombaire.", "*L"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=[text[:70] for text, _ in TABLE])
def test_a_sentence_is_understood(text: str, expected: str) -> None:
    reading = read_report(text)
    wanted: dict[str, list[str]] = {}
    denials = set()
    for part in filter(None, expected.split("; ")):
        if part.startswith("*"):
            denials.add(part)
        else:
            level, *words = part.split()
            wanted[level] = words
    assert {one.level: one.verdict for one in reading.proposals} == {level: one[0] for level, one in wanted.items()}
    for one in reading.proposals:
        said = wanted[one.level][1:]
        for word in ("acute", "old"):
            assert (one.acuity == word) == (word in said), f"{one.level} is {one.acuity}"
        assert one.process_fracture == ("process" in said)
        types = [word for word in said if word[0] in "AB" and word[1:].isdigit()]
        if types:
            assert types[0] in (one.ao, one.segment)
    found = {"*" + "".join(one.regions) + ("fresh" if one.fresh_only else "") for one in reading.general}
    assert found == denials


def test_the_table_speaks_three_languages_and_is_long_enough() -> None:
    assert len(TABLE) >= 60
    assert len({text for text, _ in TABLE}) == len(TABLE)
