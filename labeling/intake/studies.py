"""One study on its way in: which series is read, frames packed, rows stored, each series with what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from django.db import DatabaseError
from django.utils.functional import cached_property

from labeling.imaging.choice import choose
from labeling.imaging.geometry import canonical_order
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.refusal import Refusal
from labeling.imaging.sagittal import SagittalStack, derived_stack, native_stack, recipe_sha
from labeling.imaging.volume import Volume
from labeling.intake import frames
from labeling.intake.arrivals import Arrival, Study, outcome_of
from labeling.intake.store import PreparedSeries, PreparedStack, known_series, seen_before_row, store_study
from labeling.jobs.faults import log_without_values
from labeling.jobs.queue import Lease, LeaseLost
from labeling.models import Case, IntakeBatch, Outcome, Series

__all__ = ["LOSSY", "StudyImport"]

LOSSY = "The images were compressed with loss before they came here: fine detail may be missing."

log = logging.getLogger(__name__)


class StudyImport:
    """Brings in one study. `run` does it all and never leaves half of it behind.

    Parameters
    ----------
    tick
        Called often; may raise `LeaseLost`.
    said
        Takes a few words about what is going on.
    """

    def __init__(
        self,
        batch: IntakeBatch,
        lease: Lease,
        study: Study,
        pseudonymizer: Pseudonymizer,
        *,
        tick: Callable[[], None],
        said: Callable[[str], None],
    ) -> None:
        self.batch, self.lease, self.study, self.pseudonymizer = batch, lease, study, pseudonymizer
        self.tick, self.said = tick, said
        self.refused: list[tuple[Arrival, Refusal]] = []
        self.case: Case | None = None

    def run(self) -> Case | None:
        """Import the study; returns its case, new or known before, or None where every series was refused."""
        try:
            self._run()
        except Refusal as refusal:
            # About the study as a whole; a full disk is about the batch.
            if refusal.code == "disk-full":
                raise
            self._refuse_the_rest(refusal)
        except (DatabaseError, OSError, LeaseLost):
            raise
        except Exception as error:
            # The edge of one study: a fault in one must not take the others of the delivery with it.
            log_without_values(f"Batch {self.batch.pk}: a study could not be read", error)
            self._refuse_the_rest(
                Refusal(
                    "unexpected",
                    "Something unexpected stopped this examination, and nothing of it was stored. "
                    "Tell the administrator; the server's log says where.",
                )
            )
        rows = [
            arrival.row(
                batch=self.batch, case=self.case, outcome=outcome_of(refusal), code=refusal.code, why=refusal.sentence
            )
            for arrival, refusal in self.refused
        ]
        Series.objects.bulk_create(rows)
        return self.case

    def _refuse_the_rest(self, refusal: Refusal) -> None:
        told = {id(arrival) for arrival, _ in self.refused}
        self.refused += [(arrival, refusal) for arrival in self.new if id(arrival) not in told]

    @cached_property
    def new(self) -> list[Arrival]:
        """Series that are not part of a case yet; rows are written for those that are."""
        known = known_series([arrival.series_uid for arrival in self.study.series])
        fresh = []
        for arrival in self.study.series:
            before = known.get(arrival.series_uid)
            if before is None:
                fresh.append(arrival)
                continue
            if before.case is not None and not self._is_ours(before.case):
                self.refused.append((arrival, _series_known()))
                continue
            self.case = before.case
            # Of this same batch: an earlier attempt stored it, and its row is there.
            if before.batch_id != self.batch.pk:
                seen_before_row(self.batch, arrival, before).save()
        return fresh

    def _is_ours(self, case: Case) -> bool:
        person = self.study.person.pseudonym
        return (case.study_uid, case.patient.pseudonym) == (self.study.study_uid, person)

    def _run(self) -> None:
        waiting = []
        for arrival in self.new:
            if arrival.refusal is not None:
                self.refused.append((arrival, arrival.refusal))
            else:
                waiting.append(arrival)
        if not waiting:
            return
        prepared: list[PreparedSeries] = []
        stack = None
        if not Case.objects.filter(study_uid=self.study.study_uid, reading_stack__isnull=False).exists():
            stack, source = self._reading_stack(waiting)
            if stack is None or source is None:
                return
            prepared.append(source)
        for arrival in waiting:
            if stack is None or arrival is not stack.source:
                kept = self._kept(arrival)
                prepared += [kept] if kept is not None else []
        if prepared:
            self.said("Storing the case")
            self.case = store_study(self.lease, self.batch, self.study, prepared, stack)

    def _reading_stack(self, waiting: list[Arrival]) -> tuple[PreparedStack | None, PreparedSeries | None]:
        """The stack from the best series that can be read; those that cannot are refused and taken off `waiting`."""
        while waiting:
            choice = choose([arrival.candidate for arrival in waiting if arrival.candidate is not None])
            arrival = waiting[choice.index]
            try:
                self.said(f"Reading {arrival.facts.images} images")
                volume = arrival.read()
                return self._packed_stack(arrival, volume, choice.native, choice.why)
            except Refusal as refusal:
                if refusal.code == "disk-full":
                    raise
                self.refused.append((arrival, refusal))
                waiting.remove(arrival)
        return None, None

    def _packed_stack(
        self, arrival: Arrival, volume: Volume, native: bool, why: str
    ) -> tuple[PreparedStack, PreparedSeries]:
        stack = native_stack(volume) if native else derived_stack(volume)
        self.said(f"Storing {arrival.facts.images} images")
        pack = self._pack(volume)
        outcome = Outcome.READING if native else Outcome.DERIVED
        source = PreparedSeries(arrival, outcome, _with_loss(why, arrival), pack, volume.slope, volume.intercept)
        frame_of_reference = arrival.frame_of_reference or self.pseudonymizer.derived_uid(
            "frame-of-reference", self.study.study_uid, pack.digest
        )
        if native:
            uids: Sequence[str] = [arrival.sop_uids[index] for index in stack.source_index]
            stack_pack = pack if _in_plane_as_sent(volume) else self._pack(stack.volume)
            prepared = PreparedStack(arrival, stack, stack_pack, arrival.series_uid, uids, frame_of_reference)
        else:
            series_uid, uids = self._derived_uids(stack, pack.digest)
            prepared = PreparedStack(arrival, stack, self._pack(stack.volume), series_uid, uids, frame_of_reference)
        return prepared, source

    def _derived_uids(self, stack: SagittalStack, digest: str) -> tuple[str, Sequence[str]]:
        parts = (self.study.study_uid, digest, recipe_sha(stack.recipe))
        count = stack.volume.geometry.shape[0]
        return (
            self.pseudonymizer.derived_uid("stack", *parts),
            [self.pseudonymizer.derived_uid("slice", *parts, k) for k in range(count)],
        )

    def _kept(self, arrival: Arrival) -> PreparedSeries | None:
        try:
            self.said(f"Reading {arrival.facts.images} images")
            volume = arrival.read()
        except Refusal as refusal:
            self.refused.append((arrival, refusal))
            return None
        why = "Kept for other planes; another series of the examination is read."
        return PreparedSeries(
            arrival, Outcome.KEPT, _with_loss(why, arrival), self._pack(volume), volume.slope, volume.intercept
        )

    def _pack(self, volume: Volume) -> frames.Pack:
        return frames.pack(self.batch.uuid, volume, self.tick)


def _series_known() -> Refusal:
    return Refusal(
        "series-known",
        "A series of this UID came in before as part of another examination or patient, so one of the two is not what "
        "it says. Export the series again.",
    )


def _with_loss(why: str, arrival: Arrival) -> str:
    return f"{why} {LOSSY}" if arrival.lossy else why


def _in_plane_as_sent(volume: Volume) -> bool:
    """Whether reading order only turns the order of the slices, so that one pack of frames serves both."""
    order, flips = canonical_order(volume.geometry)
    return order == (0, 1, 2) and not flips[1] and not flips[2]
