"""The frame of all pages of the cohort: who may look, who may change, and the tabs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import get_resolver

from labeling.analysis.scope import may_see_numbers
from labeling.pages.person import person
from labeling.reading.roles import may_plan_rounds

__all__ = ["TABS", "cohort_page", "has_page", "may_change", "may_look"]

#: Name of the address, title. In the order of the tabs.
TABS = (
    ("cohort", "Cohort"),
    ("cohort-reports", "Reports"),
    ("cohort-split", "Split"),
    ("cohort-table", "Table 1"),
)


def may_look(request: HttpRequest) -> User:
    """The person, where they may look at the cohort: leads, engineers and administrators; 403 for everybody else."""
    user = person(request)
    if not may_see_numbers(user):
        raise PermissionDenied
    return user


def may_change(request: HttpRequest) -> User:
    """The person, where they may decide who is in the cohort: leads; 403 for everybody else."""
    user = person(request)
    if not may_plan_rounds(user):
        raise PermissionDenied
    return user


def has_page(name: str) -> bool:
    """Whether there is an address of this name."""
    return name in get_resolver().reverse_dict


def cohort_page(
    request: HttpRequest, template: str, tab: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """A page that extends "cohort/frame.html", given `tabs`, `tab` and `lead` (whether this person may change)."""
    values = {
        "tabs": [(name, title) for name, title in TABS if has_page(name)],
        "tab": tab,
        "lead": may_plan_rounds(request.user),
        **(context or {}),
    }
    return render(request, template, values, status=status)
