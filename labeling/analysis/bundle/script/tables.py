"""The tables of the bundle as arrays: what readers said of the vertebrae and slices of the cases."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from formulas import ABSENT, AO, VERDICTS, Array, Draws, Tree


@dataclass
class Gathered:
    """What R readers say of N vertebrae of C cases; a vertebra stands here where one of them has a row on it.

    verdict, ao, score: (R, N). level, vertebra, case (place among the C), patient (numbered as the cases come): (N,).
    read: (R, C) whether the reader has read the case.
    """

    keys: list[str]
    verdict: Array
    ao: Array
    score: Array
    level: Array
    vertebra: Array
    case: Array
    patient: Array
    read: Array
    patient_of_case: Array

    @property
    def patients(self) -> int:
        return len(set(self.patient_of_case.tolist()))

    def row(self, key: str) -> int:
        return self.keys.index(key)


class Tables:
    """All tables; cases and vertebrae are known by their line, from 0."""

    def __init__(self, folder: Path, replicates: int, seed: int) -> None:
        self.folder, self.replicates, self.seed = folder, replicates, seed
        self._draws: dict[int, Draws] = {}
        self._known: dict[tuple[tuple[str, ...], tuple[int, ...]], Gathered] = {}
        self.kind = {row["reader"]: row["kind"] for row in self.table("readers")}
        self.cases = self.table("cases")
        self.asked = [place for place, row in enumerate(self.cases) if row["asked"] == "yes"]
        self.validation = [place for place, row in enumerate(self.cases) if row["validation"] == "yes"]
        self.place_of_case = {row["case"]: place for place, row in enumerate(self.cases)}
        self.vertebrae = self.table("vertebrae")
        self.place_of_vertebra = {row["vertebra"]: place for place, row in enumerate(self.vertebrae)}
        self.case_of = np.array([self.place_of_case[row["case"]] for row in self.vertebrae], int)
        self.level = np.array([row["level"] for row in self.vertebrae], "U3")
        self.reads: dict[str, dict[int, str]] = {key: {} for key in self.kind}
        for row in self.table("reads"):
            self.reads[row["reader"]][self.place_of_case[row["case"]]] = row["read"]
        #: Read -> its rows (vertebra, verdict, AO type, score).
        self.findings: dict[str, list[tuple[int, int, int, float]]] = {}
        for row in self.table("findings"):
            score = float(row["score"]) if row["score"] else np.nan
            said = (self.place_of_vertebra[row["vertebra"]], VERDICTS[row["verdict"]], AO[row["ao"]], score)
            self.findings.setdefault(row["read"], []).append(said)
        #: (vertebra, slice) -> read -> (verdict, score).
        self.slices: dict[tuple[int, int], dict[str, tuple[int, float]]] = {}
        for row in self.table("slices"):
            slot = (self.place_of_vertebra[row["vertebra"]], int(row["slice"]))
            score = float(row["score"]) if row["score"] else np.nan
            self.slices.setdefault(slot, {})[row["read"]] = (VERDICTS[row["verdict"]], score)

    def table(self, name: str) -> list[Tree]:
        with (self.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def draws_of(self, patients: int) -> Draws:
        if patients not in self._draws:
            self._draws[patients] = Draws(patients, self.replicates, self.seed)
        return self._draws[patients]

    def draws(self, g: Gathered) -> Draws:
        return self.draws_of(g.patients)

    def gather(self, keys: list[str], cases: list[int] | None = None) -> Gathered:
        """What these readers say of these cases (of all that the numbers are about, where None)."""
        wanted, keys = self.asked if cases is None else cases, list(dict.fromkeys(keys))
        asked = (tuple(keys), tuple(wanted))
        if asked not in self._known:
            self._known[asked] = self._gathered(keys, wanted)
        return self._known[asked]

    def _gathered(self, keys: list[str], cases: list[int]) -> Gathered:
        place = {case: number for number, case in enumerate(cases)}
        shape = (len(keys), len(self.vertebrae))
        verdict, ao, score = np.full(shape, ABSENT), np.full(shape, -1), np.full(shape, np.nan)
        there, read = np.zeros(shape[1], bool), np.zeros((len(keys), len(cases)), bool)
        for row, key in enumerate(keys):
            for case, pk in self.reads[key].items():
                if case not in place:
                    continue
                read[row, place[case]] = True
                for vertebra, word, kind, p in self.findings.get(pk, ()):
                    there[vertebra] = True
                    verdict[row, vertebra], ao[row, vertebra], score[row, vertebra] = word, kind, p
        patients: dict[str, int] = {}
        whose = [patients.setdefault(self.cases[case]["patient"], len(patients)) for case in cases]
        patient_of_case, rows = np.array(whose, int), np.flatnonzero(there)
        exam = np.array([place[one] for one in self.case_of[rows].tolist()], int)
        patient = patient_of_case[exam] if exam.size else exam
        said = (verdict[:, rows], ao[:, rows], score[:, rows])
        return Gathered(keys, *said, self.level[rows], rows, exam, patient, read, patient_of_case)
