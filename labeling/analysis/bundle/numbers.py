"""All numbers that the pages print for a scope, by group and path, from the same kept answers as the pages'."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from django.contrib.auth.models import User

from labeling.analysis import accuracy, curves
from labeling.analysis.agreement import readers_of
from labeling.analysis.answers import Question, ask
from labeling.analysis.columns import REFERENCE, Column
from labeling.analysis.place import DEFAULTS
from labeling.analysis.scope import Scope
from labeling.cohort.flowchart import flow_of

__all__ = ["Group", "groups_of"]

UNITS = ("vertebra", "case", "slice")
MARGIN = "5"
#: Lists whose parts carry a name are told by it and not by their place.
_NAMES = ("key", "name")


@dataclass(frozen=True)
class Group:
    """Numbers of one question. numbers: path -> number, None where the page prints a sentence instead.

    kind, readers and options are what the script needs to know to recompute them.
    """

    title: str
    kind: str
    numbers: dict[str, float | int | bool | None]
    readers: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def groups_of(user: User, scope: Scope, columns: tuple[Column, ...]) -> list[Group]:
    """All groups, in the order of the pages.

    Columns of single rounds say again what a reader's own column says, so they stand in no group but the repeats.

    Raises
    ------
    Refusal
        What `ask` refuses.
    """
    own = [column for column in columns if "-" not in column.key]
    others = [column.key for column in own if column.key != REFERENCE]
    judged = others if len(own) > len(others) else []

    def told(kind: str, readers: tuple[str, ...] = (), **options: str) -> dict[str, Any]:
        question = Question(kind, scope.key, readers, tuple(sorted(options.items())))
        return ask(user, question, wait=True).answer or {}

    groups = [
        *_accuracy(user, scope, judged),
        *([_agreement(told("agreement"), own)] if columns else []),
        *_curves(user, scope, [column.key for column in own if column.kind == "model"] if judged else []),
        *(
            _group(f"Comparison, per {unit}", "comparison", answer, _comparison, [a, b], unit=unit, margin=MARGIN)
            for unit in UNITS
            for a, b in combinations(judged, 2)
            for answer in [told("comparison", (a, b), unit=unit, margin=MARGIN)]
            if not answer["note"]
        ),
        *_places(told, judged),
        _group("Report against reference", "report", told("report"), _report),
    ]
    models: list[tuple[str, ...]] = [(column.key,) for column in own if column.kind == "model"] or [()]
    for readers in models if columns else []:
        groups.append(_group("Reading habits", "reading", told("reading", readers), dict, list(readers)))
    for who in ("", "included"):
        asked = {"who": who} if who else {}
        groups.append(_group("Table 1", "table_one", told("table-one", (), **asked), _table_one, [], **asked))
    flow = flow_of(user, lambda key: key).as_json()
    groups.append(_group("Flowchart", "flowchart", flow, _flowchart))
    return [group for group in groups if group.numbers]


def _group(
    title: str,
    kind: str,
    answer: dict[str, Any],
    shaped: Callable[[dict[str, Any]], dict[str, Any]],
    readers: list[str] | None = None,
    **options: Any,
) -> Group:
    return Group(title, kind, dict(_flat(shaped(answer))), readers or [], options)


def _flat(tree: Any, path: str = "") -> Iterator[tuple[str, float | int | None]]:
    """Every number by its path. Words are no numbers; they stay behind, and with them what could name anybody."""
    if isinstance(tree, dict):
        items: Any = tree.items()
    elif isinstance(tree, list | tuple):
        items = [_named(place, one) for place, one in enumerate(tree)]
    else:
        if tree is None or isinstance(tree, bool | int | float):
            yield path, tree
        return
    for name, value in items:
        yield from _flat(value, f"{path}/{name}" if path else str(name))


def _named(place: int, one: Any) -> tuple[Any, Any]:
    if isinstance(one, list | tuple) and len(one) == 2 and isinstance(one[0], str):
        return one[0], one[1]
    if isinstance(one, dict):
        name = next((one[key] for key in _NAMES if key in one), place)
        return name, {key: value for key, value in one.items() if key not in _NAMES}
    return place, one


def _without(tree: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if name not in names}


# -- by page -----------------------------------------------------------------------------------------------------------


def _accuracy(user: User, scope: Scope, keys: list[str]) -> Iterator[Group]:
    for unit in UNITS:
        for place, key in enumerate(keys):
            question = accuracy.question_of(scope.key, key, REFERENCE, unit)
            answer = ask(user, question, wait=True).answer or {}
            if answer["accuracy"] is None:
                continue
            found = {"accuracy": _without(answer["accuracy"], "incorporated"), "cases": answer["cases"]}
            yield _group(f"Accuracy, per {unit}", "accuracy", found, dict, [key, REFERENCE], unit=unit)
            if unit == UNITS[0] and place == 0 and answer["segmentation"]:
                yield _group("Segmentation", "segmentation", answer["segmentation"], _segmentation)


def _segmentation(answer: dict[str, Any]) -> dict[str, Any]:
    sources = {f"Source {place}": one["cases"] for place, one in enumerate(answer["sources"], 1)}
    return {**_without(answer, "sources"), "failed": len(answer["failed"]), "sources": sorted(sources.values())}


def _agreement(answer: dict[str, Any], own: list[Column]) -> Group:
    repeats = {f"{one['reader']} {one['again']}": one["agreement"] for one in answer["repeats"]}
    found = {
        "readers": [_without(one, "incorporated") for one in answer["readers"]],
        "pairs": {f"{one['a']} {one['b']}": one["agreement"] for one in answer["pairs"]},
        "repeats": repeats,
        "together": [one["reliability"] for one in answer["together"]],
        **{name: answer[name] for name in ("vertebrae", "patients")},
    }
    shown = [column.key for column in readers_of(own)[0]]
    return _group("Agreement", "agreement", found, dict, shown, repeats=list(repeats))


def _curves(user: User, scope: Scope, models: list[str]) -> Iterator[Group]:
    for unit in UNITS:
        pointed = False
        for key in models:
            told = [
                ask(user, curves.question_of(user, scope, key, REFERENCE, unit, rule), wait=True).answer or {}
                for rule in curves.RULES
            ]
            first = told[0]
            # Another one stands first where this model gives no score.
            if first["note"] or first["reader"]["key"] != key:
                continue
            keys = [REFERENCE, *(one["key"] for one in first["points"])]
            found = {
                "curve": first["curves"][0]["curve"],
                "calibration": first["calibration"],
                "threshold": {rule: one["threshold"] for rule, one in zip(curves.RULES, told, strict=True)},
            }
            for one in found["threshold"].values():
                if one["origin"]:
                    one["origin"] = _without(one["origin"], "incorporated")
            yield _group(f"Curves, per {unit}", "curves", found, dict, [key], unit=unit, keys=keys)
            if not pointed:
                pointed = True
                points = {one["key"]: one["table"] for one in first["points"]}
                yield _group(f"Points of the curves, per {unit}", "points", points, dict, unit=unit, keys=keys)


def _comparison(answer: dict[str, Any]) -> dict[str, Any]:
    decision = {**answer["decision"], "rates": [_without(one, "rate") for one in answer["decision"]["rates"]]}
    return {**_without(answer, "first", "second", "margin"), "decision": decision}


def _places(told: Callable[..., dict[str, Any]], keys: list[str]) -> Iterator[Group]:
    for per in ("vertebra", "examination"):
        for key in keys:
            typed = {**{name: f"{value:g}" for name, value in DEFAULTS.items()}, "per": per}
            answer = told("place", (key,), **typed)
            if not answer["note"]:
                yield _group(f"At your place, per {per}", "place", answer, dict, [key], **typed)


def _report(answer: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "unread": len(answer["unread"]), "worklist": len(answer["worklist"])}


def _table_one(answer: dict[str, Any]) -> dict[str, Any]:
    rows = {}
    for section in answer["table"]["sections"]:
        for row in section["rows"]:
            cells = {split: {**cell["details"], "missing": cell["missing"]} for split, cell in row["cells"].items()}
            if row["key"] == "matrix":
                for split, cell in row["cells"].items():
                    cells[split]["extremes"] = [int(number) for number in re.findall(r"\d+", cell["mean"])]
            tested = row["comparison"] or {}
            rows[row["key"]] = {"cells": cells, "p": tested.get("p"), "statistic": tested.get("statistic")}
    return {"sizes": answer["table"]["sizes"], "rows": rows, "reference": answer["reference"]}


def _flowchart(flow: dict[str, Any]) -> dict[str, Any]:
    """Boxes with the numbers of their lines, which are named by their words; side boxes and reasons."""
    boxes = {}
    for box in flow["boxes"]:
        lines = {}
        for line in box["lines"]:
            words = re.sub(r"\s+", " ", re.sub(r"[\d,]+", "", line, count=1)).strip()
            if number := re.search(r"[\d,]+", line):
                lines[words] = int(number[0].replace(",", ""))
        boxes[box["key"]] = {"count": box["count"], **lines}
    sides = {side["key"]: side["count"] for side in flow["sides"]}
    reasons = {reason["href"]: reason["count"] for side in flow["sides"] for reason in side["reasons"]}
    return {"boxes": boxes, "sides": {**sides, **reasons}}
