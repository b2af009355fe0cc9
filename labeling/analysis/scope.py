"""Which cases a question is about: a split, a round, or all; never an excluded case, never one that the asker owes.

Blindness holds for numbers too: a case that the person who asks still has to read is left out of every number they see,
as if it were not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import QuerySet

from labeling.imaging.refusal import Refusal
from labeling.models import Case, CaseOrigin, CohortState, Round, Split
from labeling.reading.owing import owed_assignments
from labeling.reading.roles import AnyUser, may_see_all_cases

__all__ = ["ALL", "DEVELOPMENT", "SPLITS", "Scope", "may_see_numbers", "scope_choices", "scope_of"]

#: The keys of scopes that are splits, in the order in which they are offered.
SPLITS = {"test": Split.TEST, "validation": Split.VALIDATION, "training": Split.TRAINING}
#: Everything but the test set: shown where nothing was chosen, so that nobody consults a test set by chance.
DEVELOPMENT = "development"
ALL = "all"
_ROUND = re.compile(r"round-([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True)
class Scope:
    """The cases of a question.

    Attributes
    ----------
    key
        'development', 'test', 'validation', 'training', 'all' or 'round-<pk>'; stands in addresses.
    title
        "Test set", "All cases", or the name of the round.
    cases
        Primary keys, by patient and number.
    patients
        How many patients these are of.
    test_cases
        How many of the cases are of the test split: to show a number of theirs is a consultation.
    simulated
        How many are simulated CT.
    """

    key: str
    title: str
    cases: tuple[int, ...]
    patients: int
    test_cases: int
    simulated: int


def may_see_numbers(user: AnyUser) -> bool:
    """Leads, engineers and administrators; a resident or a senior sees their own feedback instead."""
    return may_see_all_cases(user)


def scope_choices() -> list[tuple[str, str]]:
    """(key, title) of every scope that may be chosen."""
    rounds = Round.objects.order_by("-pk").values_list("pk", "name")
    splits = [(key, f"{key.capitalize()} set") for key in SPLITS]
    return [
        (DEVELOPMENT, "All but the test set"),
        *splits,
        (ALL, "All cases"),
        *((f"round-{pk}", name) for pk, name in rounds),
    ]


def scope_of(user: AnyUser, key: str) -> Scope:
    """The cases of this key that this person may see numbers of.

    Raises
    ------
    Refusal
        ``no-scope`` where there is no such set of cases.
    """
    title, found = _named(key)
    found = found.exclude(cohort_state=CohortState.EXCLUDED).exclude(pk__in=owed_assignments(user).values("case"))
    rows = list(found.order_by("patient__pseudonym", "number").values_list("pk", "patient", "patient__split", "origin"))
    return Scope(
        key=key,
        title=title,
        cases=tuple(pk for pk, *_ in rows),
        patients=len({patient for _, patient, *_ in rows}),
        test_cases=sum(split == Split.TEST for *_, split, _ in rows),
        simulated=sum(origin == CaseOrigin.SIMULATED for *_, origin in rows),
    )


def _named(key: str) -> tuple[str, QuerySet[Case]]:
    if key in SPLITS:
        return f"{key.capitalize()} set", Case.objects.filter(patient__split=SPLITS[key])
    if key == DEVELOPMENT:
        return "All but the test set", Case.objects.exclude(patient__split=Split.TEST)
    if key == ALL:
        return "All cases", Case.objects.all()
    named = _ROUND.fullmatch(key)
    round_ = Round.objects.filter(pk=int(named[1])).first() if named else None
    if round_ is None:
        raise Refusal("no-scope", f"There is no set of cases called {key[:40]!r}. Choose one from the list.")
    return round_.name, Case.objects.filter(assignments__round=round_).distinct()
