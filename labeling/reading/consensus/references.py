"""Which read says truth: one current reference per case and target, set by the lock of a consensus."""

from __future__ import annotations

from django.contrib.auth.models import User

from labeling.models import AuditEvent, Case, NoticeKind, Read, Reader, Reference
from labeling.reading.notices import tell
from labeling.reading.roles import reader_of
from labeling.reading.visibility import feedback_cases

__all__ = ["set_reference", "tell_feedback"]


def set_reference(user: User, consensus: Read, target: str) -> Reference:
    """The locked consensus becomes the truth of its case; the one before gives way, with the reason of the new one.

    In the caller's transaction, which has locked the consensus.
    """
    before = Reference.objects.filter(case=consensus.case_id, target=target, current=True)
    given_way = list(before.values_list("pk", flat=True))
    before.update(current=False)
    reference = Reference.objects.create(
        case_id=consensus.case_id,
        target=target,
        read=consensus,
        set_by=reader_of(user),
        reason=consensus.reopen_reason,
    )
    detail = {
        "round": consensus.round_id,
        "consensus": consensus.pk,
        "version": consensus.version,
        "reference": reference.pk,
        "target": target,
        "instead_of": given_way,
        "reason": consensus.reopen_reason,
    }
    AuditEvent.objects.create(by=user, verb="reference_set", case_id=consensus.case_id, detail=detail)
    return reference


def tell_feedback(case: Case, reads: list[Read]) -> None:
    """Tells those whose reads were settled, as far as the rules of their round let them know the truth by now."""
    readers: list[Reader] = [read.reader for read in reads if read.reader.user is not None]
    told = [each for each in readers if each.user is not None and feedback_cases(each.user).filter(pk=case.pk).exists()]
    if told:
        tell(told, NoticeKind.FEEDBACK, f"There is feedback on your read of {case.name}.", case=case)
