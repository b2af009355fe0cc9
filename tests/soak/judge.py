"""What the processes say they were told, held against what the database holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from labeling.models import LabelOperation, Read, Reference, Settlement
from labeling.reading.labels import load_state, replay
from tests.bench.report import Row, limited
from tests.soak.filling import Work, reads_of

#: A person notices a tenth of a second.
LIMIT_P95 = 100.0

_STEPS = ("claimed", "locked", "agreed")

Fact = dict[str, Any]


def judged(work: Work, facts: list[Fact], seconds: float) -> list[Row]:
    """The rows of the table; a row that is not ok fails the soak."""
    reading = [
        ms for fact in facts if fact["what"] == "times" and fact["by"] == "reader" for ms in fact["milliseconds"]
    ]
    settling = [
        ms for fact in facts if fact["what"] == "times" and fact["by"] != "reader" for ms in fact["milliseconds"]
    ]
    lost, twice = _lost(facts), _claimed_twice(work)
    unlike = sum(replay(read) != load_state(read)[0] for read in [*reads_of(work.pool), *reads_of(work.panel)])
    troubles = [fact for fact in facts if fact["what"] == "trouble"]
    met = sum(fact["what"] == "met" for fact in facts)
    first = f"; the first: {troubles[0]}" if troubles else ""
    return [
        _timed(f"label write, {len(work.readers)} readers at 1 a second, {seconds:.0f} s", reading),
        _timed(f"settlement, {len(work.adjudicators)} adjudicators at 1 a second", settling),
        _none("writes and settlements that were acknowledged and are not there", lost),
        _none("cases that two readers hold", twice),
        _none("reads whose log says something else than their tables", unlike),
        _none("cases with two current truths, or locked without one", _truths(work)),
        Row("answers that were errors", f"{len(troubles)}{first}", "0", ok=not troubles),
        Row(
            "claims, locks, settled cases",
            ", ".join(str(_count(facts, what)) for what in ("claimed", "locked", "agreed")),
        ),
        Row("adjudicators met on one consensus and were told so", str(met)),
    ]


def _times(facts: Iterable[Fact], who: str) -> list[float]:
    told = (fact["milliseconds"] for fact in facts if fact["what"] == "times" and fact["by"] == who)
    return [milliseconds for one in told for milliseconds in one]


def _timed(what: str, times: list[float]) -> Row:
    return limited(what, times, p95=LIMIT_P95) if times else Row(what, "none was made", "some", ok=False)


def _none(what: str, count: int) -> Row:
    return Row(what, str(count), "0", ok=count == 0)


def _count(facts: Iterable[Fact], what: str) -> int:
    return sum(fact["what"] == what for fact in facts)


def _lost(facts: Iterable[Fact]) -> int:
    written = {(fact["uuid"], fact["read"], fact["seq"]) for fact in facts if fact["what"] == "written"}
    kept = {(str(uuid), read, seq) for uuid, read, seq in LabelOperation.objects.values_list("uuid", "read", "seq")}
    settled = {(fact["consensus"], fact["vertebra"]) for fact in facts if fact["what"] == "settled"}
    held = set(Settlement.objects.values_list("consensus", "vertebra"))
    return len(written - kept) + len(settled - held)


def _claimed_twice(work: Work) -> int:
    holders = Counter(Read.objects.filter(round=work.pool).values_list("case", "reader").distinct().values_list("case"))
    return sum(count > 1 for count in holders.values())


def _truths(work: Work) -> int:
    current = Counter(Reference.objects.filter(current=True).values_list("case", flat=True))
    locked = set(Read.objects.filter(round=work.panel, state="locked").values_list("case", flat=True))
    return sum(count > 1 for count in current.values()) + len(locked - set(current))
