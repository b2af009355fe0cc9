"""In which other roles the readers of a round have come near its cases or its models, for the protocol record."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count

from labeling.models import Assignment, AuditEvent, Job, ModelVersion, Participant, Read, Reader, Reference, Round
from labeling.reading.protocol.rows import at, name_of
from labeling.reading.roles import Role, roles_of

__all__ = ["reader_rows"]

#: Jobs that make a model.
_TRAINING = ("train-segmentation", "train-classifier")


def reader_rows(round_: Round) -> list[dict[str, Any]]:
    """The readers of a round by account: their order of cases, and what else they did. Persons alone."""
    assigned = Assignment.objects.filter(round=round_, reader__user__isnull=False).select_related("case__patient")
    order: dict[int, list[str]] = {}
    for assignment in assigned.order_by("reader", "position", "pk"):
        order.setdefault(assignment.reader_id or 0, []).append(assignment.case.name)
    readers = set(order)
    readers |= set(Read.objects.filter(round=round_, reader__user__isnull=False).values_list("reader", flat=True))
    found = Reader.objects.filter(pk__in=readers).select_related("user")
    rows = [_row(reader, reader.user, order.get(reader.pk, []), round_) for reader in found if reader.user is not None]
    return sorted(rows, key=lambda row: str(row["reader"]))


def _row(reader: Reader, user: User, order: list[str], round_: Round) -> dict[str, Any]:
    roles = roles_of(user)
    return {
        "reader": name_of(reader),
        "name": user.get_full_name(),
        "roles": [role.label for role in Role if role in roles],
        "order": order,
        "other_roles": {
            "labelled": _labelled(reader),
            "sat_in_panels": _panels(reader),
            "sat_over_cases_of_this_round": _panels_here(reader, round_),
            "models": _models(user),
            "rounds_planned": Round.objects.filter(by=user).count(),
        },
    }


def _labelled(reader: Reader) -> dict[str, int]:
    """Distinct cases with a locked read of this person outside blind rounds, by split."""
    reads = Read.objects.filter(reader=reader, state="locked", round__kind__in=("practice", "labelling"))
    counted = reads.order_by().values("case__patient__split").annotate(n=Count("case", distinct=True))
    return {row["case__patient__split"] or "no split": row["n"] for row in counted}


def _panels(reader: Reader) -> int:
    """Of how many cases this person was present as the truth was made."""
    truths = Reference.objects.filter(read__participants__reader=reader)
    return truths.values("case").distinct().count()


def _panels_here(reader: Reader, round_: Round) -> int:
    cases = Assignment.objects.filter(round=round_).values("case")
    sat = Participant.objects.filter(reader=reader, consensus__case__in=cases, consensus__state="locked")
    return sat.values("consensus__case").distinct().count()


def _models(user: User) -> list[dict[str, Any]]:
    """The models that this person brought in, trained, activated or retired."""
    rows = [
        {"model": version.name, "sha256": version.sha256, "did": "brought in or trained", "at": at(version.created_at)}
        for version in ModelVersion.objects.filter(by=user)
    ]
    jobs = Job.objects.filter(by=user, kind__in=_TRAINING).select_related("model_version")
    rows += [
        {
            "model": "" if job.model_version is None else job.model_version.name,
            "sha256": "" if job.model_version is None else job.model_version.sha256,
            "did": f"asked for a training ({job.get_state_display()})",
            "at": at(job.created_at),
        }
        for job in jobs
    ]
    names = dict(ModelVersion.objects.values_list("sha256", "name"))
    events = AuditEvent.objects.filter(by=user, detail__has_key="model_version").exclude(detail__sha256=None)
    rows += [
        {
            "model": names.get(event.detail["sha256"], ""),
            "sha256": event.detail["sha256"],
            "did": event.verb.replace("_", " "),
            "at": at(event.at),
        }
        for event in events
    ]
    return sorted(rows, key=lambda row: (str(row["at"]), str(row["did"]), str(row["sha256"])))
