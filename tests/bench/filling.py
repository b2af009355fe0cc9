"""Fills the database with cases in every state, by the server itself: one real case, many times over.

Every constraint and trigger looks at every row. Slices are left out: no list looks at them.
"""

from __future__ import annotations

from typing import Any

from tests.bench.installation import Account, make_account

LEVELS = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "L6")

#: Cases in one transaction: triggers slow down by the references that wait for the commit to be checked.
CHUNK = 500

#: Of ten cases two were begun by the resident who is measured, one they skipped, one lies with another reader, and six
#: are in the pool.
_READER = "CASE WHEN f.n % 10 < 3 THEN {own} WHEN f.n % 10 = 3 THEN {other} END"
_BEGUN = "f.n % 10 IN (0, 1, 3)"
_SKIPPED = "f.n % 10 = 2"
#: All that was begun is locked, but for every hundredth.
_LOCKED = "f.n % 100 <> 0"

#: Of the vertebrae the first is cut and the fifth has a fracture.
_VERDICT = "CASE b.place WHEN 0 THEN 'not_assessable' WHEN 4 THEN 'fracture' ELSE 'negative' END"


class Filling:
    """Cases made from one pattern. `add` makes more of them."""

    #: Begins every pseudonym and digest, so that two fillings lie beside each other.
    prefix = "B"

    def __init__(self, account: Account, vertebrae: int) -> None:
        from django.contrib.auth.models import User

        from labeling.models import Finding, Round
        from labeling.reading.roles import reader_of
        from labeling.reading.rounds import OPEN_LABELLING_ROUND
        from tests import factories

        self.levels = LEVELS[:vertebrae]
        own = reader_of(User.objects.get(username=account.name))
        other = reader_of(User.objects.get(username=make_account("resident").name))
        self.reader = _READER.format(own=own.pk, other=other.pk)
        case = factories.make_case()
        anatomy = factories.make_anatomy(case, self.levels)
        round_ = Round.objects.get(name=OPEN_LABELLING_ROUND)
        read = factories.make_read(case, reader=other, round=round_, anatomy=anatomy)
        body = anatomy.vertebrae.all()[0]
        finding = Finding.objects.create(read=read, vertebra=body.vertebra)
        stack = anatomy.stack
        self.pattern = [case.patient, case, stack.source, stack, anatomy, body.vertebra, body]
        self.pattern += [round_.assignments.get(case=case), read, finding]
        self.made = 0
        self._sql("DROP TABLE IF EXISTS filling, body")
        self._sql(
            "CREATE TEMPORARY TABLE filling (n int, patient bigint, kase bigint, series bigint, stack bigint,"
            " anatomy bigint, read bigint)"
        )
        self._sql("CREATE TEMPORARY TABLE body (n int, place int, level text, vertebra bigint)")

    def add(self, count: int) -> None:
        """That many cases more, committed, with the statistics that the server's autovacuum would make in a while."""
        end = self.made + count
        while self.made < end:
            self._add(min(CHUNK, end - self.made))
        self._sql("VACUUM ANALYZE")

    def _add(self, count: int) -> None:
        from django.db import transaction

        with transaction.atomic():
            # What checks each row is planned once, while the tables are empty: it would read them whole ever after.
            self._sql("DISCARD PLANS")
            self._sql("SET LOCAL enable_seqscan = off")
            self._number(self.made, self.made + count)
            self._cases()
            self._vertebrae()
            self._reads()
        self.made += count

    def _number(self, first: int, end: int) -> None:
        """The keys of what is to be made, so that rows can name one another."""
        patient, case, series, stack, anatomy, vertebra, *_ = self.pattern
        read = self.pattern[8]
        keys = ", ".join(_next_key(one) for one in (patient, case, series, stack, anatomy, read))
        self._sql("TRUNCATE filling, body")
        self._sql(f"INSERT INTO filling SELECT n, {keys} FROM generate_series({first}, {end - 1}) n")
        levels = ", ".join(f"({place}, '{level}')" for place, level in enumerate(self.levels))
        source = f"filling f, (VALUES {levels}) l(place, level)"
        self._sql(f"INSERT INTO body SELECT f.n, l.place, l.level, {_next_key(vertebra)} FROM {source}")
        self._sql("ANALYZE filling")
        self._sql("ANALYZE body")

    def _cases(self) -> None:
        patient, case, series, stack, *_ = self.pattern
        f = "filling f"
        self._copy(patient, f, id="f.patient", pseudonym=f"'{self.prefix}' || lpad(f.n::text, 6, '0')")
        own = {"patient_id": "f.patient", "number": "1", "reading_stack_id": "NULL"}
        self._copy(case, f, id="f.kase", study_uid="'2.25.71' || f.kase", age="20 + f.n % 70", **own)
        named = {"source_digest": f"'{self.prefix}filling' || f.n", "series_uid": "'2.25.72' || f.series"}
        self._copy(series, f, id="f.series", case_id="f.kase", **named)
        named["series_uid"] = "'2.25.73' || f.stack"
        self._copy(stack, f, id="f.stack", case_id="f.kase", source_id="f.series", **named)
        self._sql("UPDATE labeling_case c SET reading_stack_id = f.stack FROM filling f WHERE c.id = f.kase")

    def _vertebrae(self) -> None:
        anatomy, vertebra, body = self.pattern[4:7]
        self._copy(
            anatomy,
            "filling f",
            id="f.anatomy",
            case_id="f.kase",
            stack_id="f.stack",
            source_digest=f"'{self.prefix}filling' || f.n",
        )
        both = "body b JOIN filling f USING (n)"
        self._copy(vertebra, both, id="b.vertebra", case_id="f.kase")
        said = {"level": "b.level", "rank": "b.place", "label_value": "b.place + 1", "cut": "b.place = 0"}
        self._copy(body, both, id=_next_key(body), anatomy_id="f.anatomy", vertebra_id="b.vertebra", **said)

    def _reads(self) -> None:
        """Drafts first: under a locked read no finding may appear."""
        assignment, read, finding = self.pattern[7:]
        self._copy(
            assignment,
            "filling f",
            id=_next_key(assignment),
            case_id="f.kase",
            reader_id=self.reader,
            position="f.n + 1000000",
            state=f"CASE WHEN {_SKIPPED} THEN 'skipped' ELSE 'open' END",
            skip_reason=f"CASE WHEN {_SKIPPED} THEN 'image' ELSE '' END",
        )
        begun = f"(SELECT * FROM filling f WHERE {_BEGUN}) f"
        mine = {"case_id": "f.kase", "stack_id": "f.stack", "anatomy_id": "f.anatomy", "reader_id": self.reader}
        self._copy(read, begun, id="f.read", **mine)
        self._copy(
            finding,
            f"body b JOIN {begun} USING (n)",
            id=_next_key(finding),
            read_id="f.read",
            vertebra_id="b.vertebra",
            verdict=_VERDICT,
            why="CASE b.place WHEN 0 THEN 'cut' ELSE '' END",
            ao_body="CASE b.place WHEN 4 THEN 'A1' END",
            unclear="b.place = 4",
        )
        self._sql(
            "UPDATE labeling_read r SET state = 'locked', locked_at = now(), content_sha = 'filling'"
            f" FROM {begun} WHERE r.id = f.read AND {_LOCKED}"
        )

    def _copy(self, pattern: Any, source: str, **values: str) -> None:
        """A row like the pattern for every row of the source; `values` are SQL, by column."""
        table = pattern._meta.db_table
        columns = [field.column for field in pattern._meta.concrete_fields]
        chosen = [values.get(column, f't."{column}"') for column in columns]
        names = ", ".join(f'"{column}"' for column in columns)
        rows = f"{source}, {table} t WHERE t.id = {pattern.pk}"
        self._sql(f"INSERT INTO {table} ({names}) SELECT {', '.join(chosen)} FROM {rows}")

    def _sql(self, statement: str) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(statement)


def _next_key(pattern: Any) -> str:
    return f"nextval(pg_get_serial_sequence('{pattern._meta.db_table}', 'id'))"
