"""Fills the database with a study that was read: every case by every reader, and a reference of each.

What each reader says is drawn by a hash of reader and vertebra, so that the same filling says the same again.
"""

from __future__ import annotations

from typing import Any

from tests.bench.filling import Filling
from tests.bench.installation import Account, make_account

#: Of a thousand vertebrae, how many the reference calls a fracture; of these a reader misses some, and of the others
#: calls some a fracture, some indeterminate.
FRACTURES, MISSED, ALARMS, UNSURE = 120, 100, 30, 15

_TYPES = "(ARRAY['A1','A1','A1','A2','A3','A3','A4'])"


def _draw(what: str, of: int) -> str:
    """SQL: a number below `of` of the body b, the same for the same word."""
    return f"(abs(hashtext('{what} ' || b.vertebra)) % {of})"


_TRUE = f"{_draw('truth', 1000)} < {FRACTURES}"
_TYPE = f"{_TYPES}[1 + {_draw('type', 7)}]"


class StudyFilling(Filling):
    """`add` makes cases that all readers have read and a panel has settled.

    Parameters
    ----------
    readers
        people who read every case; the panel settles it on top of them.
    """

    prefix = "S"

    def __init__(self, account: Account, vertebrae: int, readers: int) -> None:
        super().__init__(account, vertebrae)
        from django.contrib.auth.models import User

        from labeling.models import Finding, Patient, Reader, ReaderKind, Reference
        from labeling.reading.roles import reader_of
        from tests import factories

        patient, case, _, _, anatomy, vertebra = self.pattern[:6]
        Patient.objects.filter(pk=patient.pk).update(split="validation")
        first = factories.make_round("independent", state="open")
        panel = Reader.objects.create(kind=ReaderKind.PANEL, label="Panel")
        people = [reader_of(User.objects.get(username=make_account("senior").name)) for _ in range(readers)]
        rounds = [(one, first) for one in people] + [(panel, factories.make_round("consensus", panel=panel))]
        self.readers: list[tuple[Any, Any]] = []
        for reader, round_ in rounds:
            read = factories.make_read(case, reader=reader, round=round_, anatomy=anatomy)
            self.readers.append((read, Finding.objects.create(read=read, vertebra=vertebra)))
        settled = factories.lock_plainly(self.readers[-1][0])
        self.reference = Reference.objects.create(case=case, read=settled)

    def _reads(self) -> None:
        """Every reader, then the panel; drafts first, for under a locked read no finding may appear."""
        for place, (read, finding) in enumerate(self.readers):
            is_panel = place == len(self.readers) - 1
            self._sql(f"UPDATE filling SET read = {_next(read)}")
            mine = {"case_id": "f.kase", "stack_id": "f.stack", "anatomy_id": "f.anatomy", "id": "f.read"}
            draft = {"state": "'draft'", "locked_at": "NULL", "content_sha": "''"}
            self._copy(read, "filling f", **mine, **draft)
            fracture, unsure = (_TRUE, "false") if is_panel else _said(place)
            self._copy(
                finding,
                "body b JOIN filling f USING (n)",
                id=_next(finding),
                read_id="f.read",
                vertebra_id="b.vertebra",
                verdict=f"CASE WHEN {unsure} THEN 'indeterminate' WHEN {fracture} THEN 'fracture' ELSE 'negative' END",
                why="''",
                ao_body=f"CASE WHEN NOT ({unsure}) AND {fracture} THEN {_TYPE} END",
            )
            self._sql(
                "UPDATE labeling_read r SET state = 'locked', locked_at = now(), content_sha = 'study' || f.read"
                " FROM filling f WHERE r.id = f.read"
            )
        self._copy(self.reference, "filling f", id=_next(self.reference), case_id="f.kase", read_id="f.read")


def _said(place: int) -> tuple[str, str]:
    """SQL of whether this reader calls the vertebra a fracture, and whether indeterminate."""
    error, unsure = _draw(f"reader{place}", 1000), _draw(f"unsure{place}", 1000)
    missed = MISSED + 20 * place
    fracture = f"(CASE WHEN {_TRUE} THEN {error} >= {missed} ELSE {error} < {ALARMS} END)"
    return fracture, f"{unsure} < {UNSURE}"


def _next(pattern: Any) -> str:
    return f"nextval(pg_get_serial_sequence('{pattern._meta.db_table}', 'id'))"
