"""What stands beside a person's own read: what the models say of the case and, once it is told, what is true.

In a round that tells at once the truth comes with the lock. In others it stands beside the read for who has been told
it on their page of feedback: opening an old read by itself shows nobody anything new.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from labeling.models import Exposure, Read, SliceLabel
from labeling.reading.feedback.own import explained
from labeling.reading.opinions.suggestions import REVEALED, Opinion, Suggested, case_verdict_of, model_beside
from labeling.reading.opinions.suggestions import reveals as models_reveal
from labeling.reading.rules import Rules
from labeling.reading.told import told_by
from labeling.reading.visibility import feedback_cases, truth_for

__all__ = ["beside", "reveals", "truth_is_told"]


def beside(user: User, read: Read) -> dict[str, Any] | None:
    """What the room shows beside a read, with the record of it; None where the read is none of a round or not this
    person's own. The truth comes first, as an opinion of the kind ``truth``."""
    shown = model_beside(user, read)
    if shown is None or not truth_is_told(user, read):
        return shown
    truth = truth_for(user, read.case)
    if truth is None or truth.reader_id == read.reader_id:
        return shown
    return {**shown, "stage": REVEALED, "opinions": [_opinion(truth, read).as_json(), *shown["opinions"]]}


def reveals(user: User, read: Read) -> bool:
    """Whether the room of this read, just locked, now has something to show that was not shown before."""
    return models_reveal(user, read) or truth_is_told(user, read)


def truth_is_told(user: User, read: Read) -> bool:
    """Whether the truth stands beside this read. Asking shows nobody anything."""
    if read.round is None or read.reader.user_id != user.pk or read.state != "locked":
        return False
    if not feedback_cases(user).filter(pk=read.case_id).exists():
        return False
    at_once = Rules.parse(read.round.rules).feedback == "at_once"
    return at_once or Exposure.objects.filter(reader=read.reader_id, case=read.case_id, what="truth").exists()


def _opinion(truth: Read, read: Read) -> Opinion:
    """The truth as it stands beside a read; its slices only where both were read on the same stack."""
    slices: dict[int, dict[str, tuple[str, float | None]]] = {}
    if truth.stack_id == read.stack_id:
        marks = SliceLabel.objects.filter(finding__read=truth)
        for vertebra, sop, value in marks.values_list("finding__vertebra", "slice", "value"):
            slices.setdefault(vertebra, {})[sop] = (value, None)
    words = explained([truth])
    said = {}
    for vertebra, told in told_by([truth])[truth.pk].items():
        if told.verdict is not None:
            reason = ". ".join(part.rstrip(".") for part in words.get((truth.pk, vertebra), ()) if part)
            said[vertebra] = Suggested(
                verdict=told.verdict,
                why=told.why,
                reason=f"{reason}." if reason else "",
                score=None,
                slices=slices.get(vertebra, {}),
                ao_body=told.ao_body,
                words=told.words,
            )
    at = truth.locked_at or truth.created_at
    return Opinion(truth.pk, "truth", "Reference", at, case_verdict_of(truth, said), said)
