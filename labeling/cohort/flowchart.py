"""The flowchart of inclusion (Figure 3), drawn from where every examination stands now, and the cases behind each box.

The flowchart is a tree, so cases that came in without a report go the way of the others: the boxes say how many they
are, and ``without-report`` lists them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db import transaction

from labeling.analysis.scope import may_see_numbers
from labeling.cohort.stations import VERDICTS, Examination, examinations, patients, station_of
from labeling.imaging.refusal import Refusal
from labeling.models import Case, ExclusionReason, InclusionReason, SegmentationCause
from labeling.reading.exposures import note_exposures
from labeling.reading.owing import cases_before_report
from labeling.reading.roles import reader_of
from labeling.statistics.flow import Arrow, Box, Flow, Reason, Side

__all__ = ["CasesIn", "cases_in", "flow_of"]

Href = Callable[[str], str]

_CRITERIA = ("instrumented", "spondylodiscitis", "malignant", "osteolysis", "myelography")
_NUMERALS = dict(zip(_CRITERIA, ("i", "ii", "iii", "iv", "v"), strict=True))
_VERDICT_WORDS = {
    "candidate": "mentions a fracture",
    "uncertain": "uncertain",
    "history": "history only",
    "negated": "negated",
    "other_bone": "other bone",
    "nothing": "no mention",
    "unsearched": "not searched yet",
}
_CAUSES = {cause.value: cause.label for cause in SegmentationCause if cause.value} | {"not-yet": "not segmented yet"}
#: Side boxes: key -> (the box that they leave, title, key of a reason -> its words).
_SIDES: dict[str, tuple[str, str, dict[str, str]]] = {
    "silent": (
        "found",
        "not proposed",
        {key: _VERDICT_WORDS[key] for key in (*VERDICTS[1:-1], VERDICTS[0], "unsearched")},
    ),
    "dismissed": ("candidates", "not confirmed", {key: _VERDICT_WORDS[key] for key in VERDICTS[:-1]}),
    "open": (
        "candidates",
        "not decided yet",
        {"report": "report to be confirmed", "case": "came in without a report"},
    ),
    "undecided": (
        "confirmed",
        "wait",
        {"no-images": "images are not here", "case": "not decided yet"},
    ),
    "excluded": (
        "confirmed",
        "excluded",
        {key: f"{_NUMERALS[key]} {ExclusionReason(key).label}" for key in _CRITERIA},
    ),
    "impossible": ("development", "not segmentable", _CAUSES),
    "impossible-test": ("test", "not segmentable", _CAUSES),
    "impossible-unsplit": ("unsplit", "not segmentable", _CAUSES),
}
_TITLES = {
    "found": "found",
    "candidates": "candidates",
    "confirmed": "confirmed",
    "included": "included",
    "development": "training and validation",
    "test": "test",
    "unsplit": "not split yet",
    "segmented": "segmented",
    "training": "training",
    "validation": "validation",
    "without-report": "without a report",
}
#: To stand in one of these says what the report of a case says.
_TELLS_THE_REPORT = ("silent", "dismissed", "open", "candidates", "confirmed", "undecided")


def flow_of(user: User | None, href: Href | None = None) -> Flow:
    """The flowchart of all examinations, as they are now. It says how many, never which, and exposes nobody.

    Parameters
    ----------
    user
        None for the command line of the server.
    href
        Key of a box, a side box or "side:reason" -> the address that lists its cases; without it nothing opens.

    Raises
    ------
    Refusal
        ``no-numbers`` for who may see none.
    """
    _may_look(user)
    return _flow(examinations(), href or (lambda key: ""))


def _flow(found: list[Examination], href: Href) -> Flow:
    ways = [station_of(one) for one in found]
    stands = Counter(key for way in ways for key in way)
    within = {key: [one for one, way in zip(found, ways, strict=True) if key in way] for key in _TITLES}
    without = sum(not one.reports for one in found)
    arrows = [Arrow("found", "candidates"), Arrow("candidates", "confirmed"), Arrow("confirmed", "included")]
    boxes = [
        _box("found", within, _found_lines(found, without)),
        _box("candidates", within, _candidate_lines(within["candidates"])),
        _box("confirmed", within, ("read by a person",)),
        _box("included", within, _included_lines(within["included"])),
    ]
    if stands["development"] or stands["test"]:
        boxes.append(_box("development", within, _people(within["development"])))
        boxes.append(_box("test", within, _people(within["test"])))
        arrows += [Arrow("included", "development", "by patient"), Arrow("included", "test")]
        for key in ("segmented", "training", "validation"):
            boxes.append(_box(key, within, _people(within[key])))
        arrows += [Arrow("development", "segmented"), Arrow("segmented", "training"), Arrow("segmented", "validation")]
    if stands["unsplit"]:
        boxes.append(_box("unsplit", within, _people(within["unsplit"])))
        arrows.append(Arrow("included", "unsplit"))
    drawn = {box.key for box in boxes}
    sides = [side for key in _SIDES if (side := _side(key, stands)) is not None and side.leaves in drawn]
    return Flow(
        "Inclusion",
        tuple(replace(box, href=href(box.key)) for box in boxes),
        tuple(_linked(side, href) for side in sides),
        tuple(arrows),
    )


def _box(key: str, within: dict[str, list[Examination]], lines: tuple[str, ...]) -> Box:
    count = len(within[key])
    if key == "found":
        noun = "reports" if all(one.reports for one in within[key]) and count else "examinations"
        return Box(key, noun, count, lines)
    return Box(key, _TITLES[key], count, lines)


def _side(key: str, stands: Counter[str]) -> Side | None:
    leaves, title, words = _SIDES[key]
    reasons = tuple(Reason(text, stands[f"{key}:{word}"]) for word, text in words.items())
    count = sum(reason.count for reason in reasons)
    if not count:
        return None
    # All five criteria are named, whether they were met or not; of the rest, what there is.
    shown = reasons if key == "excluded" else tuple(reason for reason in reasons if reason.count)
    return Side(key, leaves, title, count, shown)


def _linked(side: Side, href: Href) -> Side:
    word_of = {text: word for word, text in _SIDES[side.key][2].items()}
    reasons = tuple(replace(one, href=href(f"{side.key}:{word_of[one.text]}")) for one in side.reasons)
    return replace(side, reasons=reasons, href=href(side.key))


def _found_lines(found: list[Examination], without: int) -> tuple[str, ...]:
    lines = []
    if without:
        lines = [f"{len(found) - without:,} with a report", f"{without:,} without a report"]
    waiting = sum(one.case is None for one in found)
    return (*lines, f"images of {len(found) - waiting:,} are here") if found else ()


def _candidate_lines(found: list[Examination]) -> tuple[str, ...]:
    by_report = sum(one.proposed for one in found)
    without = sum(not one.reports for one in found)
    others = len(found) - by_report - without
    lines = [f"{by_report:,} mention a vertebral body fracture"] if by_report else []
    lines += [f"{without:,} came in without a report"] if without else []
    return (*lines, f"{others:,} were chosen by a person") if others else tuple(lines)


def _included_lines(found: list[Examination]) -> tuple[str, ...]:
    controls = sum(one.inclusion == InclusionReason.CONTROL for one in found)
    return (
        (*_people(found), f"{controls:,} {'is a control' if controls == 1 else 'are controls'}")
        if controls
        else _people(found)
    )


def _people(found: list[Examination]) -> tuple[str, ...]:
    count = patients(found)
    return (f"{count:,} patient{'' if count == 1 else 's'}",)


# -- the cases of a box ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CasesIn:
    """What stands in a box: its cases by name, those whose images are not here, and those that are left out because
    this person is asked to read them without the report, which the box tells of."""

    key: str
    title: str
    cases: tuple[Case, ...]
    without_images: int
    closed: int
    total: int


def cases_in(user: User, box_key: str) -> CasesIn:
    """The cases of a box, of a side box ("excluded"), of one of its reasons ("excluded:malignant"), or those
    "without-report".

    Where the box tells what the report of a case says, it exposes this person to the report of each.

    Raises
    ------
    Refusal
        ``no-numbers`` for who may see none, ``no-box`` where there is no such box.
    """
    _may_look(user)
    title = _title(box_key)
    with transaction.atomic():
        if box_key == "without-report":
            found = [one for one in examinations() if not one.reports]
        else:
            found = [one for one in examinations() if _stands_in(box_key, station_of(one))]
        keys = {one.case for one in found if one.case is not None}
        tells = box_key.partition(":")[0] in _TELLS_THE_REPORT
        told = {one.case for one in found if one.case is not None and one.reports} if tells else set()
        closed = set(cases_before_report(user).filter(pk__in=told).values_list("pk", flat=True))
        shown = keys - closed
        if told - closed:
            note_exposures(reader_of(user), [(case, "report") for case in sorted(told - closed)])
        cases = Case.objects.filter(pk__in=shown).select_related("patient").order_by("patient__pseudonym", "number")
        return CasesIn(
            key=box_key,
            title=title,
            cases=tuple(cases),
            without_images=sum(one.case is None for one in found),
            closed=len(closed),
            total=len(found),
        )


def _stands_in(key: str, way: tuple[str, ...]) -> bool:
    return key in way or (key in _SIDES and way[-1].partition(":")[0] == key)


def _title(key: str) -> str:
    if key in _TITLES:
        return _TITLES[key].capitalize()
    side, _, word = key.partition(":")
    if side in _SIDES and not word:
        return _SIDES[side][1].capitalize()
    if side in _SIDES and word in _SIDES[side][2]:
        return f"{_SIDES[side][1].capitalize()}: {_SIDES[side][2][word]}"
    raise Refusal("no-box", f"The flowchart has no box {key[:40]!r}.")


def _may_look(user: User | None) -> None:
    if user is not None and not may_see_numbers(user):
        raise Refusal("no-numbers", "Numbers are for leads, engineers and administrators.")
