"""The one door: who may see what of a case, and the record of having been shown it.

Reading is blind *by case, not by role, forward and backward*. Forward: who owes a read of a case sees no other read of
it, and no report where the round hides it, before their own read is locked; an administrator no more than a resident.
Backward: whoever was shown one has an `Exposure` row, written in the transaction that serves it, and the database
refuses to assign them to a blind round.

Pages and API come through here; a test forbids them every other way to a read, a label or a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from labeling.models import (
    Assignment,
    Case,
    Exposure,
    ModelShowing,
    Read,
    Reader,
    ReaderKind,
    Round,
    RoundKind,
    RoundState,
)
from labeling.reading.roles import AnyUser, may_export, may_read, may_read_in, may_see_all_cases, reader_of
from labeling.reading.rules import Rules

__all__ = [
    "assignments_before_models",
    "case_for",
    "case_report_for",
    "case_report_is_open",
    "export_counts",
    "exportable_reads",
    "hears_of_no_model",
    "model_case_counts",
    "note_exposure",
    "owed_assignments",
    "owes_without_model",
    "pooled_assignments",
    "prior_cases",
    "read_for",
    "report_for",
    "visible_cases",
    "visible_reads",
]

#: What the read of each kind of reader is, once shown to somebody else.
_EXPOSURE_OF = {
    ReaderKind.PERSON: "read",
    ReaderKind.MODEL: "model",
    ReaderKind.REPORT: "report",
    ReaderKind.PANEL: "truth",
}


def visible_cases(user: AnyUser) -> QuerySet[Case]:
    """Cases whose facts and images this person may see.

    Overseers (lead, engineer, administrator) see all; residents and seniors those assigned to them in a round that has
    begun, and those in the pool of an open round that they may read in.
    """
    if may_see_all_cases(user):
        return Case.objects.all()
    if not may_read(user):
        return Case.objects.none()
    assigned = Assignment.objects.filter(case=OuterRef("pk"), reader__user=user.pk).exclude(
        round__state=RoundState.PLANNED
    )
    pooled = pooled_assignments(user).filter(case=OuterRef("pk"))
    return Case.objects.filter(Exists(assigned) | Exists(pooled))


def pooled_assignments(user: AnyUser) -> QuerySet[Assignment]:
    """What this person may take from the pools: open rounds of a kind that is theirs, no blind case once exposed."""
    kinds = [kind.value for kind in RoundKind if may_read_in(user, kind)]
    shown = Exposure.objects.filter(case=OuterRef("case"), reader__user=user.pk)
    return Assignment.objects.filter(reader__isnull=True, round__state=RoundState.OPEN, round__kind__in=kinds).exclude(
        Q(round__kind=RoundKind.INDEPENDENT) & Exists(shown)
    )


def owed_assignments(user: AnyUser) -> QuerySet[Assignment]:
    """Reads that this person is or will be asked for and has not locked: their cases are blind to them.

    A closed round asks for nothing more; a consensus looks at the other reads by its nature. Who has reopened their
    read owes it again: what may still be changed stays blind.
    """
    return _unlocked_assignments(user).exclude(round__kind=RoundKind.CONSENSUS)


def _unlocked_assignments(user: AnyUser) -> QuerySet[Assignment]:
    own_lock = Read.objects.filter(
        round=OuterRef("round"),
        case=OuterRef("case"),
        reader=OuterRef("reader"),
        state="locked",
        successor__isnull=True,
    )
    return (
        Assignment.objects.filter(reader__user=user.pk)
        .exclude(round__state=RoundState.CLOSED)
        .exclude(Exists(own_lock))
    )


def owes_without_model(user: AnyUser, case_id: int, *, besides: int | None = None) -> bool:
    """Whether this person owes a read of the case in a round that keeps the models from them, by rule or by draw.

    A consensus looks at the other reads by its nature, but not at the models before it has settled. `besides` is the
    primary key of a round that is judged by its own rules elsewhere.
    """
    owed = _unlocked_assignments(user).filter(case=case_id).exclude(round=besides)
    return any(
        hidden or Rules.parse(rules).model != "shown"
        for rules, hidden in owed.values_list("round__rules", "model_hidden")
    )


def case_for(user: AnyUser, case_id: int) -> Case:
    """The case, where this person may see it.

    Raises
    ------
    Case.DoesNotExist
        where there is no such case or it is not theirs to see; the two look alike.
    """
    return visible_cases(user).select_related("patient", "reading_stack").get(pk=case_id)


def visible_reads(user: AnyUser) -> QuerySet[Read]:
    """Own reads; for overseers also locked reads of others, but none of a case they owe a read of, and no model's of a
    case that they are to settle.

    Nobody sees another's draft.
    """
    own = Q(reader__user=user.pk)
    if may_see_all_cases(user):
        return Read.objects.filter(own | (Q(state="locked") & ~_closed_to(user)))
    if not may_read(user):
        return Read.objects.none()
    return Read.objects.filter(own)


def read_for(user: User, read_id: int) -> Read:
    """The read, where this person may see it; another's read is recorded as an exposure, and so is the model that
    stood beside it, which its marks may tell of.

    Raises
    ------
    Read.DoesNotExist
        where there is no such read or it is not theirs to see; the two look alike.
    """
    with transaction.atomic():
        read = (
            visible_reads(user)
            .select_related("round", "case", "case__patient", "reader", "stack", "anatomy")
            .get(pk=read_id)
        )
        if read.reader.user_id != user.pk:
            shown = {_EXPOSURE_OF[ReaderKind(read.reader.kind)]}
            if _stood_beside_a_model([read.pk]) and not hears_of_no_model(user, read):
                shown.add("model")
            _expose(reader_of(user), [(read.case_id, what) for what in sorted(shown)])
        return read


def hears_of_no_model(user: AnyUser, read: Read) -> bool:
    """Whether another's read is to be shown without what tells of the models that its reader was shown.

    That is for who is to settle the case without them: which marks were accepted from a model says what it said.
    """
    return read.reader.user_id != user.pk and owes_without_model(user, read.case_id)


def _stood_beside_a_model(reads: Iterable[int]) -> set[int]:
    """Those of these reads whose reader was shown a model beside them, or beside an earlier version."""
    shown = ModelShowing.objects.filter(
        read__round=OuterRef("round"), read__case=OuterRef("case"), read__reader=OuterRef("reader")
    )
    return set(Read.objects.filter(Exists(shown), pk__in=reads).values_list("pk", flat=True))


def prior_cases(user: AnyUser, read: Read) -> QuerySet[Case]:
    """Earlier examinations of the read's patient whose images are shown beside it, newest first.

    Whoever may see the read may see them, though not their cases: no read, no report and no page of a prior opens by
    this. Without a date nobody can say what came first, so such cases are no priors.
    """
    if read.case.study_date is None:
        return Case.objects.none()
    earlier = Case.objects.filter(
        Exists(visible_reads(user).filter(pk=read.pk)),
        patient=read.case.patient_id,
        study_date__lt=read.case.study_date,
        reading_stack__isnull=False,
    )
    return earlier.select_related("patient", "reading_stack").order_by("-study_date", "-number")


def report_for(user: User, read: Read) -> str | None:
    """The clinical report of a read's case as this person may see it now, with the exposure it makes.

    None where the rules hide it; '' where the case came without one.
    """
    if not _report_is_open(user, read):
        return None
    with transaction.atomic():
        text: str = Case.objects.values_list("report_text", flat=True).get(pk=read.case_id)
        if text:
            _expose(reader_of(user), [(read.case_id, "report")])
        return text


def case_report_is_open(user: AnyUser, case: Case) -> bool:
    """Whether this person may enter or look at the report of a case outside any read.

    That is for those who see all cases, unless a round asks them for a read of this one without the report.
    """
    return may_see_all_cases(user) and _others_show_it(owed_assignments(user).filter(case=case))


def case_report_for(user: User, case: Case) -> str | None:
    """The report of a case outside any read, with the exposure it makes; None where `case_report_is_open` says no."""
    if not case_report_is_open(user, case):
        return None
    with transaction.atomic():
        text: str = Case.objects.values_list("report_text", flat=True).get(pk=case.pk)
        if text:
            note_exposure(user, case.pk, "report")
        return text


def note_exposure(user: User, case_id: int, what: str) -> None:
    """Write down that this person knows `what` of a case, in the caller's transaction."""
    _expose(reader_of(user), [(case_id, what)])


def _report_is_open(user: User, read: Read) -> bool:
    """Whether the rule of the read's round, and of every other round that asks this person for the case, allow it."""
    own = read.reader.user_id == user.pk
    if own and read.round is not None:
        rule = Rules.parse(read.round.rules).report
        if rule == "hidden" or (rule == "after_lock" and _is_open_again(read)):
            return False
    elif not own and not visible_reads(user).filter(pk=read.pk).exists():
        return False
    others = owed_assignments(user).filter(case=read.case_id)
    if own:
        others = others.exclude(round=read.round_id)
    return _others_show_it(others)


def _is_open_again(read: Read) -> bool:
    """Whether this read, or a later version of it, may still be changed: the locked one then tells no more than it."""
    versions = Read.objects.filter(round=read.round_id, case=read.case_id, reader=read.reader_id)
    return read.state != "locked" or versions.filter(state="draft").exists()


def _others_show_it(owed: QuerySet[Assignment]) -> bool:
    """Whether every round that still asks for these reads shows its readers the report."""
    rounds = Round.objects.filter(pk__in=owed.values("round"))
    return all(Rules.parse(rules).report == "shown" for rules in rounds.values_list("rules", flat=True))


def exportable_reads(user: User, *, round_name: str = "") -> QuerySet[Read]:
    """The locked reads that this person may take out, newest version each; calling it is being shown them.

    Left out are the reads of cases that this person owes a read of, and those that may hold a model's word on cases
    that they are to settle without it. The answer is fixed to the reads found now: what is locked while it streams was
    not recorded as shown, so it does not come.
    """
    if not may_export(user):
        return Read.objects.none()
    with transaction.atomic():
        reads = _exportable(user)
        if round_name:
            reads = reads.filter(round__name=round_name)
        found = list(reads.values_list("pk", "case_id", "reader__kind", "reader__user_id"))
        others = {(case, _EXPOSURE_OF[ReaderKind(kind)]) for _, case, kind, owner in found if owner != user.pk}
        others |= _models_told_of(user, {pk: case for pk, case, _, owner in found if owner != user.pk})
        if others:
            _expose(reader_of(user), sorted(others))
    return Read.objects.filter(pk__in=[pk for pk, *_ in found])


def _models_told_of(user: User, cases: Mapping[int, int]) -> set[tuple[int, str]]:
    """The exposures to models that lie in these reads (read -> case). What is left of a case that is to be settled
    without the models was said without them."""
    blind = set(assignments_before_models(user).values_list("case", flat=True))
    return {(cases[pk], "model") for pk in _stood_beside_a_model(cases) if cases[pk] not in blind}


def export_counts(user: User) -> list[dict[str, Any]]:
    """Per round, by name: how many reads, findings and slice labels an export would hold. Counting exposes nobody."""
    if not may_export(user):
        return []
    reads = _exportable(user).filter(round__isnull=False)
    per_round = reads.values("round__name").order_by("round__name")
    # Each counted by itself: counted over one join, the labels would multiply the findings.
    counted = {row["round__name"]: row["n"] for row in per_round.annotate(n=Count("pk"))}
    findings = {row["round__name"]: row["n"] for row in per_round.annotate(n=Count("findings"))}
    labels = {row["round__name"]: row["n"] for row in per_round.annotate(n=Count("findings__slice_labels"))}
    return [
        {"name": name, "reads": reads, "findings": findings[name], "slice_labels": labels[name]}
        for name, reads in counted.items()
    ]


def model_case_counts(user: AnyUser) -> dict[int, int]:
    """Model version -> how many cases it has read, but for those whose model reads are closed to this person.

    Which cases is not said, nor what: counting exposes nobody.
    """
    reads = Read.objects.filter(reader__model_version__isnull=False, state="locked").order_by()
    reads = reads.exclude(_closed_to(user))
    return dict(reads.values_list("reader__model_version").annotate(n=Count("case", distinct=True)))


def _exportable(user: User) -> QuerySet[Read]:
    later = Read.objects.filter(supersedes=OuterRef("pk"), state="locked")
    telling = _may_hold_a_models_word().filter(case__in=assignments_before_models(user).values("case"))
    telling = telling.exclude(reader__user=user.pk)
    reads = Read.objects.filter(~Exists(later), state="locked").exclude(_closed_to(user))
    return reads.exclude(pk__in=telling.values("pk"))


def _may_hold_a_models_word() -> QuerySet[Read]:
    """Reads in which marks may have been accepted from a model: by the rules, not by whether one has read the case,
    which a read that is missing would tell."""
    once_locked = Q(round__rules__model="after_lock", version__gt=1)
    return Read.objects.filter(Q(round__rules__model="shown") | once_locked)


def _closed_to(user: AnyUser) -> Q:
    """The reads that are closed to this person, whatever their role: any of a case they owe a read of, and a model's of
    a case whose consensus they sit in, which settles without the models."""
    owed, blind = owed_assignments(user), assignments_before_models(user)
    return Q(case__in=owed.values("case")) | Q(reader__kind=ReaderKind.MODEL, case__in=blind.values("case"))


def assignments_before_models(user: AnyUser) -> QuerySet[Assignment]:
    """What this person owes, but for a consensus that is shown the models: outside their own read, no model's work on
    these cases is told."""
    shown = Q(round__kind=RoundKind.CONSENSUS, round__rules__model="shown", model_hidden=False)
    return _unlocked_assignments(user).exclude(shown)


def _expose(reader: Reader, shown: list[tuple[int, str]]) -> None:
    Exposure.objects.bulk_create(
        [Exposure(reader=reader, case_id=case, what=what) for case, what in shown], ignore_conflicts=True
    )
