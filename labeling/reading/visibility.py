"""The one door: who may see what of a case, and the record of having been shown it.

Reading is blind *by case, not by role, forward and backward*. Forward: who owes a read of a case sees no other read of
it, and no report where the round hides it, before their own read is locked; an administrator no more than a resident.
Who owes a repeat does not even see their own earlier read. Backward: whoever was shown one has an `Exposure` row,
written in the transaction that serves it, and the database refuses to assign them to a blind round.

Pages and API come through here; a test forbids them every other way to a read, a label or a report. What is owed is
told by `owing`, what may be taken out by `exporting`, who is told the truth by `truths`; their names are given on.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from labeling.models import (
    Assignment,
    Case,
    Exposure,
    Participant,
    Read,
    Reader,
    ReaderKind,
    Reference,
    RoundKind,
    RoundState,
    Sitting,
)
from labeling.reading.exporting import export_counts, exportable_reads
from labeling.reading.exposures import exposure_of, note_exposure, note_exposures, stood_beside_a_model
from labeling.reading.owing import (
    BLIND_KINDS,
    cases_before_models,
    closed_to,
    is_member,
    is_put_away,
    owed_assignments,
    owes_without_model,
    owes_without_report,
    protocol_is_open,
    put_away,
    repeats_owed,
    seats,
)
from labeling.reading.roles import AnyUser, may_read, may_read_in, may_see_all_cases, reader_of
from labeling.reading.rules import Rules
from labeling.reading.truths import TARGET, feedback_cases, truth_of

__all__ = [
    "case_for",
    "case_report_for",
    "case_report_is_open",
    "cases_before_models",
    "export_counts",
    "exportable_reads",
    "feedback_cases",
    "hears_of_no_model",
    "is_member",
    "model_case_counts",
    "note_exposure",
    "owed_assignments",
    "owes_without_model",
    "pooled_assignments",
    "prior_cases",
    "protocol_is_open",
    "read_for",
    "reads_to_settle",
    "repeats_owed",
    "report_for",
    "truth_for",
    "visible_cases",
    "visible_reads",
]


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
    """What this person may take from the pools: open rounds of a kind that is theirs, no blind case once exposed.

    A consensus has no pool: its cases are settled by those who sit in it.
    """
    kinds = [kind.value for kind in RoundKind if kind != RoundKind.CONSENSUS and may_read_in(user, kind)]
    shown = Exposure.objects.filter(case=OuterRef("case"), reader__user=user.pk)
    return Assignment.objects.filter(reader__isnull=True, round__state=RoundState.OPEN, round__kind__in=kinds).exclude(
        Q(round__kind__in=BLIND_KINDS) & Exists(shown)
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
    """Own reads, but for those of a case that they owe a repeat of; for overseers also locked reads of others, but none
    of a case they owe a read of, and none that the rules of their rounds keep from them.

    Nobody sees another's draft, but for the members of a panel that of their panel; who has feedback of a case sees the
    consensus that is its truth.
    """
    if not _may_look_at_all(user):
        return Read.objects.none()
    own = Q(reader__user=user.pk)
    if repeats_owed(user).exists():
        own &= ~Q(pk__in=put_away(user).values("pk"))
    others = _of_own_panel(user)
    if may_see_all_cases(user):
        others |= Q(state="locked") & ~Q(reader__user=user.pk)
        return Read.objects.filter(own | (others & ~closed_to(user)))
    return Read.objects.filter(own | (others & ~closed_to(user)) | _truth_with_feedback(user))


def _may_look_at_all(user: AnyUser) -> bool:
    return may_see_all_cases(user) or may_read(user)


def _of_own_panel(user: AnyUser) -> Q:
    seat = seats(user).filter(round=OuterRef("round"), case=OuterRef("case"))
    return Q(Exists(seat), reader__kind=ReaderKind.PANEL)


def _truth_with_feedback(user: AnyUser) -> Q:
    cases = list(feedback_cases(user).values_list("pk", flat=True))
    current = Reference.objects.filter(case__in=cases, target=TARGET, current=True)
    return Q(reader__kind=ReaderKind.PANEL, pk__in=current.values("read"))


def read_for(user: User, read_id: int) -> Read:
    """The read, where this person may see it; another's read is recorded as an exposure, and so is the model that
    stood beside it, which its marks may tell of.

    Raises
    ------
    Read.DoesNotExist
        where there is no such read or it is not theirs to see; the two look alike.
    """
    with transaction.atomic():
        whole = Read.objects.select_related("round", "case", "case__patient", "reader", "stack", "anatomy")
        read = whole.get(pk=read_id)
        if read.reader.user_id == user.pk:
            # Asked at every click: the own read needs no look at those of others.
            if not _may_look_at_all(user) or is_put_away(read):
                raise Read.DoesNotExist
            return read
        if not visible_reads(user).filter(pk=read_id).exists():
            raise Read.DoesNotExist
        note_exposures(reader_of(user), _told_by(user, [read]))
        return read


def _told_by(user: AnyUser, reads: Sequence[Read]) -> list[tuple[int, str]]:
    """What somebody knows of the cases of these reads of others once this person's screen has shown them."""
    shown = {(read.case_id, exposure_of(read.reader.kind)) for read in reads}
    beside = stood_beside_a_model([read.pk for read in reads])
    shown |= {(read.case_id, "model") for read in reads if read.pk in beside and not hears_of_no_model(user, read)}
    return sorted(shown)


def reads_to_settle(user: User, consensus: Read) -> list[Read]:
    """The reads that a consensus settles, A before B, for a member of its panel.

    All who are recorded as present look at the same screen: each of them knows the reads of the others from now on, and
    that is written down. `hears_of_no_model` says of each read whether its marks are to be shown without a model's.

    Raises
    ------
    Read.DoesNotExist
        where this is no consensus, this person does not sit in it, or still owes a read of the case.
    """
    if consensus.round_id is None or consensus.reader.kind != ReaderKind.PANEL:
        raise Read.DoesNotExist
    if not is_member(user, consensus.round_id, consensus.case_id) or not protocol_is_open(user, consensus.case_id):
        raise Read.DoesNotExist
    with transaction.atomic():
        found = Read.objects.filter(settled_by__consensus=consensus).order_by("settled_by__letter")
        reads = list(found.select_related("round", "case__patient", "reader", "stack", "anatomy"))
        for reader in {reader_of(user), *_present(consensus)}:
            note_exposures(reader, _told_by(user, [read for read in reads if read.reader_id != reader.pk]))
        return reads


def _present(consensus: Read) -> QuerySet[Reader]:
    return Reader.objects.filter(pk__in=Participant.objects.filter(consensus=consensus).values("reader"))


def truth_for(user: User, case: Case) -> Read | None:
    """The read that says truth of a case, with the exposure that it makes; None without one, or where this person may
    not know it now.

    Overseers may, who sat in the panel, and who has feedback of the case; none of them while they owe a read of it.
    """
    with transaction.atomic():
        truth = truth_of(case)
        if truth is None or not protocol_is_open(user, case.pk):
            return None
        others = visible_reads(user).exclude(reader__user=user.pk)
        if not (
            may_see_all_cases(user)
            or others.filter(pk=truth.read_id).exists()
            or feedback_cases(user).filter(pk=case.pk).exists()
        ):
            return None
        note_exposure(user, case.pk, "truth")
        return truth.read


def hears_of_no_model(user: AnyUser, read: Read) -> bool:
    """Whether another's read is to be shown without what tells of the models that its reader was shown.

    That is for who is to settle the case without them: which marks were accepted from a model says what it said.
    """
    return read.reader.user_id != user.pk and owes_without_model(user, read.case_id)


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

    None where the rules hide it; '' where the case came without one. What a panel is shown, all who are present see.
    """
    if not _report_is_open(user, read):
        return None
    with transaction.atomic():
        text: str = Case.objects.values_list("report_text", flat=True).get(pk=read.case_id)
        if text:
            for reader in {reader_of(user), *_present(read)}:
                note_exposures(reader, [(read.case_id, "report")])
        return text


def case_report_is_open(user: AnyUser, case: Case) -> bool:
    """Whether this person may enter or look at the report of a case outside any read.

    That is for those who see all cases, unless a round asks them to read or to settle this one without the report.
    """
    return may_see_all_cases(user) and not owes_without_report(user, case.pk)


def case_report_for(user: User, case: Case) -> str | None:
    """The report of a case outside any read, with the exposure it makes; None where `case_report_is_open` says no."""
    if not case_report_is_open(user, case):
        return None
    with transaction.atomic():
        text: str = Case.objects.values_list("report_text", flat=True).get(pk=case.pk)
        if text:
            note_exposure(user, case.pk, "report")
        return text


def _report_is_open(user: User, read: Read) -> bool:
    """Whether the rule of the read's round, and of every other round that asks this person for the case, allow it."""
    if read.reader.user_id == user.pk:
        rule = "shown" if read.round is None else Rules.parse(read.round.rules).report
        if rule == "hidden" or (rule == "after_lock" and _is_open_again(read)):
            return False
        return not owes_without_report(user, read.case_id, besides=read.round_id)
    if not visible_reads(user).filter(pk=read.pk).exists() or owes_without_report(user, read.case_id):
        return False
    return may_see_all_cases(user) or _panel_is_shown_the_report(user, read)


def _panel_is_shown_the_report(user: User, read: Read) -> bool:
    if read.round is None:
        return False
    rule = read.round.rules.get("report")
    if rule == "shown":
        return True
    # What comes with the panel's own lock is its members': who is only told the truth is told that.
    if rule == "after_lock" and not _is_open_again(read) and is_member(user, read.round_id or 0, read.case_id):
        return True
    sittings = Sitting.objects.filter(consensus__round=read.round_id, consensus__case=read.case_id)
    return sittings.filter(report_shown_at__isnull=False).exists()


def _is_open_again(read: Read) -> bool:
    """Whether this read, or a later version of it, may still be changed: the locked one then tells no more than it."""
    versions = Read.objects.filter(round=read.round_id, case=read.case_id, reader=read.reader_id)
    return read.state != "locked" or versions.filter(state="draft").exists()


def model_case_counts(user: AnyUser) -> dict[int, int]:
    """Model version -> how many cases it has read, but for those whose model reads are closed to this person.

    Which cases is not said, nor what: counting exposes nobody.
    """
    reads = Read.objects.filter(reader__model_version__isnull=False, state="locked").order_by()
    reads = reads.exclude(closed_to(user))
    return dict(reads.values_list("reader__model_version").annotate(n=Count("case", distinct=True)))
