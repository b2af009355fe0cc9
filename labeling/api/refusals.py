"""The status of each exception of the domain; its code and sentence are its own."""

from rest_framework.response import Response

from labeling.api.errors import failure
from labeling.imaging.refusal import Refusal
from labeling.reading.labels import Conflict
from labeling.reading.locking import NotComplete
from labeling.reading.refusals import Elsewhere, NotReadable, OperationRefused, ReadLocked

#: Refusals of a payload that has not the form of its verb: the client's mistake, not the reader's.
_MALFORMED = {"bad_payload", "unknown_verb"}

#: Refusals because of what the read has become meanwhile, not because of what was asked.
_CONFLICTING = {"not_locked", "later_version", "consensus_begun"}

#: Refusals of intake and imaging that are no 422.
_STATUS = {
    "too-large": 413,
    "too-many-files": 413,
    "not-receiving": 409,
    "no-name": 400,
    "incomplete": 400,
    "disk-full": 507,
    "not-yours": 403,
    "job-ended": 409,
    "job-goes-on": 409,
    "not-again": 409,
    # Not the client's doing: what the record promises is not on the disk.
    "missing-pack": 500,
    "damaged-pack": 500,
    "damaged-frame": 500,
}


def answer(error: Exception) -> Response | None:
    """The response to an exception of reading or intake; None where it is none of theirs."""
    if isinstance(error, OperationRefused):
        status = 400 if error.code in _MALFORMED else 409 if error.code in _CONFLICTING else 422
        return failure(error.code, error.sentence, status)
    if isinstance(error, ReadLocked):
        return failure("locked", error.sentence, 409)
    if isinstance(error, Elsewhere):
        return failure("elsewhere", error.sentence, 409)
    if isinstance(error, Conflict):
        return failure(
            "conflict", error.sentence, 409, seq=error.seq, state=error.state.as_json(), anatomy=error.anatomy
        )
    if isinstance(error, NotComplete):
        sentence = f"{len(error.gaps)} things are open before this read can be locked."
        if len(error.gaps) == 1:
            sentence = "One thing is open before this read can be locked."
        return failure("not_complete", sentence, 422, gaps=[gap.as_json() for gap in error.gaps])
    if isinstance(error, NotReadable):
        return failure("not_readable", error.sentence, 422)
    if isinstance(error, Refusal):
        return failure(error.code.replace("-", "_"), error.sentence, _STATUS.get(error.code, 422))
    return None
