"""What a person still owes of a case, and what that keeps from them: every blindness begins here.

Owed is what is assigned (in a round that is planned, open or paused) and not locked. A consensus is owed by the members
of its panel until the panel has locked it: it looks at the other reads by its nature, but not at the models.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from labeling.models import Assignment, Case, Read, ReaderKind, Reference, RoundKind, RoundState, Sitting
from labeling.reading.roles import AnyUser, may_read, may_read_in

__all__ = [
    "BLIND_KINDS",
    "TARGET",
    "cases_before_models",
    "cases_before_report",
    "closed_to",
    "is_member",
    "is_put_away",
    "owed_assignments",
    "owes_without_model",
    "owes_without_report",
    "protocol_is_open",
    "put_away",
    "repeats_owed",
    "seats",
]

#: What the readers of this house are asked about: the target of the reference that is the truth.
TARGET = "fracture"

#: In these nobody may know another's opinion.
BLIND_KINDS = (RoundKind.INDEPENDENT, RoundKind.REPEAT)

#: The rules of these rounds keep the models from their readers even after their own lock, until there is a reference.
#: Of old reads nothing is known of what their readers saw, and nothing is kept from anybody by them.
_WITHOUT_MODELS = Q(round__kind__in=BLIND_KINDS, round__rules__model="never", round__imported=False)


def _unlocked(user: AnyUser) -> QuerySet[Assignment]:
    """What this person is or will be asked for and that is not locked: by them, or by the panel that they sit in.

    Who has reopened their read owes it again: what may still be changed stays blind. A closed round asks for nothing.
    """
    lock = Read.objects.filter(
        Q(reader=OuterRef("reader")) | Q(reader=OuterRef("round__panel")),
        round=OuterRef("round"),
        case=OuterRef("case"),
        state="locked",
        successor__isnull=True,
    )
    return Assignment.objects.filter(reader__user=user.pk).exclude(round__state=RoundState.CLOSED).exclude(Exists(lock))


def owed_assignments(user: AnyUser) -> QuerySet[Assignment]:
    """Reads that this person is or will be asked for and has not locked: their cases are blind to them."""
    return _unlocked(user).exclude(round__kind=RoundKind.CONSENSUS)


def repeats_owed(user: AnyUser) -> QuerySet[Assignment]:
    """Cases that this person is to read once more without remembering: their own earlier reads are closed to them."""
    return owed_assignments(user).filter(round__kind=RoundKind.REPEAT)


def protocol_is_open(user: AnyUser, case_id: int) -> bool:
    """Whether this person may look at how a case was read: not before they have locked what they owe of it."""
    return not owed_assignments(user).filter(case=case_id).exists()


def put_away(user: AnyUser) -> QuerySet[Read]:
    """Own reads that are closed while their reader owes a repeat of the case: all but those that they still owe."""
    repeats = repeats_owed(user)
    still_asked = owed_assignments(user).filter(round=OuterRef("round"), case=OuterRef("case"))
    return Read.objects.filter(~Exists(still_asked), reader__user=user.pk, case__in=repeats.values("case"))


def is_put_away(read: Read) -> bool:
    """Whether this read is closed to its own reader, for they are to read the case once more."""
    user = read.reader.user
    if user is None or not repeats_owed(user).filter(case=read.case_id).exists():
        return False
    return put_away(user).filter(pk=read.pk).exists()


# --- panels ---------------------------------------------------------------------------------------------------------


def seats(user: AnyUser) -> QuerySet[Assignment]:
    """The cases that this person settles as a member of a panel; residents only where labelling is settled."""
    if not may_read(user):
        return Assignment.objects.none()
    found = Assignment.objects.filter(reader__user=user.pk, round__kind=RoundKind.CONSENSUS)
    if may_read_in(user, RoundKind.CONSENSUS):
        return found
    return found.filter(round__follows__kind=RoundKind.LABELLING)


def is_member(user: AnyUser, round_id: int, case_id: int) -> bool:
    """Whether this person sits in the panel that settles the case in this consensus round."""
    return seats(user).filter(round=round_id, case=case_id).exists()


# --- what it closes -------------------------------------------------------------------------------------------------


def closed_to(user: AnyUser) -> Q:
    """The reads that are closed to this person, whatever their role: any of a case they owe a read of; a model's of a
    case that they have read or are to settle without the models; the report's of one that is settled without it.

    What they owe is asked here and now, once: nested into each query it would cost more than all else of it.
    """
    owed, before_models, before_report = set(), set(), set()
    for case, kind, model, report, hidden in _unlocked(user).values_list(
        "case", "round__kind", "round__rules__model", "round__rules__report", "model_hidden"
    ):
        settles = kind == RoundKind.CONSENSUS
        if not settles:
            owed.add(case)
        if not (settles and model == "shown" and not hidden):
            before_models.add(case)
        if settles and report != "shown":
            before_report.add(case)
    if before_report:
        before_report &= set(cases_before_report(user).values_list("pk", flat=True))
    return (
        Q(case__in=owed)
        | Q(reader__kind=ReaderKind.MODEL, case__in=before_models)
        | Q(reader__kind=ReaderKind.MODEL, case__in=_read_blind(user).values("case"))
        | Q(reader__kind=ReaderKind.REPORT, case__in=before_report)
    )


def cases_before_models(user: AnyUser) -> QuerySet[Case]:
    """Cases of which, outside their own read, this person is told no model's work.

    Those are the cases that they owe a read of, or are to settle without the models; and those that they have read
    blind and that have no reference yet, for until then they may be asked about them.
    """
    shown = Q(round__kind=RoundKind.CONSENSUS, round__rules__model="shown", model_hidden=False)
    unlocked = _unlocked(user).exclude(shown)
    return Case.objects.filter(Q(pk__in=unlocked.values("case")) | Q(pk__in=_read_blind(user).values("case")))


def cases_before_report(user: AnyUser) -> QuerySet[Case]:
    """Cases of which this person is not to know the report now."""
    return Case.objects.filter(pk__in=_without_report(user).values("case"))


def owes_without_report(user: AnyUser, case_id: int, *, besides: int | None = None) -> bool:
    """Whether a round keeps the report of this case from this person for now; `besides` as in `owes_without_model`."""
    return _without_report(user).filter(case=case_id).exclude(round=besides).exists()


def _without_report(user: AnyUser) -> QuerySet[Assignment]:
    """What this person owes in rounds that do not show the report; a consensus, unless the lead has shown it to it."""
    shown = Sitting.objects.filter(
        consensus__round=OuterRef("round"), consensus__case=OuterRef("case"), report_shown_at__isnull=False
    )
    return _unlocked(user).exclude(round__rules__report="shown").exclude(Exists(shown), round__kind=RoundKind.CONSENSUS)


def owes_without_model(user: AnyUser, case_id: int, *, besides: int | None = None) -> bool:
    """Whether a round keeps the models of this case from this person, by rule or by draw: while they owe a read in it,
    and where they have read blind also afterwards, until the case has a reference.

    `besides` is the primary key of a round that is judged by its own rules elsewhere.
    """
    hidden = ~Q(round__rules__model="shown") | Q(model_hidden=True)
    owed = _unlocked(user).filter(hidden, case=case_id).exclude(round=besides)
    return owed.exists() or _read_blind(user).filter(case=case_id).exclude(round=besides).exists()


def _read_blind(user: AnyUser) -> QuerySet[Read]:
    """Own locked reads of rounds that never show the models, on cases without a reference."""
    reference = Reference.objects.filter(case=OuterRef("case"), target=TARGET, current=True)
    return Read.objects.filter(~Exists(reference), _WITHOUT_MODELS, reader__user=user.pk, state="locked")
