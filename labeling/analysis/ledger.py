"""The ledger of looks at a test set: a row each time a number of one is shown, taken out, or gates a model.

A test set that is looked at often is no test set any more. Pages say how often it was.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

from labeling.analysis.scope import Scope
from labeling.models import Computation, TestConsultation

__all__ = ["consult", "consultations", "times_consulted"]


def consult(user: User | None, what: str, scope: Scope, computation: Computation | None = None) -> int:
    """Write down that a number of this scope was shown, where test cases are in it; how often that is now.

    Parameters
    ----------
    what
        "Accuracy of S. Keller, page": which numbers, and where.
    """
    if scope.test_cases:
        TestConsultation.objects.create(
            by=user,
            what=what[:120],
            cases=scope.test_cases,
            question_sha=computation.question_sha if computation else "",
            data_version=computation.data_version if computation else "",
        )
    return times_consulted()


def times_consulted() -> int:
    """How often numbers of the test set were shown or used."""
    return TestConsultation.objects.count()


def consultations() -> QuerySet[TestConsultation]:
    """All of them, newest first."""
    return TestConsultation.objects.select_related("by").order_by("-at", "-pk")
