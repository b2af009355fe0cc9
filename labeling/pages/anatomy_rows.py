"""The anatomies of a case as its page lists them, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.template.defaultfilters import date
from django.utils.timezone import localtime

from labeling.models import Anatomy, Case
from labeling.reading.roles import AnyUser, may_import

__all__ = ["anatomies_context", "certainty_words", "checked_words", "cut_levels", "levels_in_view", "span_words"]


def levels_in_view(anatomy: Anatomy | None) -> str:
    """'T12–L4', or '' without an anatomy."""
    if anatomy is None:
        return ""
    levels = [row.level or "?" for row in anatomy.vertebrae.all()]
    return "" if not levels else levels[0] if len(levels) == 1 else f"{levels[0]}–{levels[-1]}"


def cut_levels(anatomy: Anatomy) -> str:
    """'T11, T12', or '' where nothing is cut."""
    return ", ".join(row.level or "?" for row in anatomy.vertebrae.all() if row.cut)


def certainty_words(anatomy: Anatomy) -> str:
    """'assumed', or '5 certain, 1 unknown' where the names are not equally sure."""
    counts = Counter(row.certainty for row in anatomy.vertebrae.all())
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{counts[each]} {each}" for each in ("certain", "assumed", "unknown") if counts[each])


def checked_words(anatomies: Sequence[Anatomy]) -> str:
    """Whether a person has checked the newest anatomy, for the line above the link to the check."""
    if not anatomies:
        return "No vertebrae yet: place them by hand"
    newest = anatomies[0]
    if newest.confirmed_at is None or newest.confirmed_by is None:
        return "Not checked"
    user = newest.confirmed_by.user
    by = "a reader" if user is None else user.get_full_name() or user.get_username()
    return f"Checked by {by} on {date(localtime(newest.confirmed_at), 'j M Y')}"


def span_words(anatomy: Anatomy) -> str:
    """'5 vertebrae, T11–L3', '6 vertebrae, T11–L3 and 1 without a name'."""
    levels = [row.level for row in anatomy.vertebrae.all()]
    named = [level for level in levels if level]
    words = "1 vertebra" if len(levels) == 1 else f"{len(levels)} vertebrae"
    if not named:
        return f"{words} without a name" if levels else words
    span = named[0] if len(named) == 1 else f"{named[0]}–{named[-1]}"
    nameless = len(levels) - len(named)
    return f"{words}, {span}" + (f" and {nameless} without a name" if nameless else "")


def anatomies_context(user: AnyUser, case: Case) -> dict[str, Any]:
    """What the list of versions shows, newest first."""
    anatomies = list(
        Anatomy.objects.filter(case=case, stack=case.reading_stack)
        .order_by("-n")
        .prefetch_related("vertebrae")
        .select_related("author__model_version__dataset", "confirmed_by__user")
    )
    return {
        "case": case,
        "newest": anatomies[0] if anatomies else None,
        "anatomies": [(each, levels_in_view(each), certainty_words(each), cut_levels(each)) for each in anatomies],
        "checked": checked_words(anatomies),
        "is_checked": bool(anatomies) and anatomies[0].confirmed_at is not None,
        "may_import": may_import(user),
    }
