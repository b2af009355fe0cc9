"""A delivery becomes cases: unpack, read headers, group, choose, de-identify, encode, one transaction per case.

Nothing here is lost when the worker dies: what is committed is whole, what is not leaves no row, and the same batch can
run again from its start at any time.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from labeling.cohort.reports import match_waiting
from labeling.imaging.dicom_series import DicomSeries, scan
from labeling.imaging.nifti import looks_like_labels
from labeling.imaging.pseudonyms import Pseudonymizer
from labeling.imaging.refusal import Refusal
from labeling.intake import batches, frames, quarantine
from labeling.intake.arrivals import Study, refused_row
from labeling.intake.dicom_studies import dose_report_facts, studies_of
from labeling.intake.mask_matching import MaskMatcher
from labeling.intake.nifti_studies import is_nifti, nifti_study
from labeling.intake.quarantine import Source
from labeling.intake.store import KEPT
from labeling.intake.studies import StudyImport
from labeling.intake.unpack import Limits, unpack
from labeling.jobs import queue
from labeling.jobs.faults import log_without_values
from labeling.jobs.kinds import Hooks
from labeling.jobs.queue import Lease, LeaseLost
from labeling.models import BatchState, CaseOrigin, IntakeBatch, Job, JobState, Series

__all__ = ["HOOKS", "import_batch"]

log = logging.getLogger(__name__)

_WRITE_EVERY_SECONDS = 0.5


def import_batch(batch_uuid: uuid.UUID | str) -> bool:
    """Import a closed batch; False where there was nothing to do, or somebody else does it.

    Errors end in the batch: with a sentence where it is about the delivery, otherwise the job is handed out again.
    """
    batch = IntakeBatch.objects.filter(uuid=batch_uuid).first()
    lease = None if batch is None else queue.claim(batches.job_key(batch))
    if batch is None or lease is None:
        return False
    if batch.state not in (BatchState.QUEUED, BatchState.RUNNING):
        lease.finish(JobState.DONE)  # its batch has ended: nothing is left to do
        return False
    with lease:
        try:
            _Import(batch, lease).run()
            _end(batch, lease, BatchState.DONE, "")
        except LeaseLost:
            log.info("Batch %s was taken over or stopped.", batch.pk)
        except Refusal as refusal:
            _end_badly(batch, lease, refusal.sentence)
        except Exception as error:
            # The edge of the task. A fault that passes (a database that restarts) deserves another attempt.
            log_without_values(f"Batch {batch.pk}: the import stopped", error)
            _try_again(batch, lease)
        except BaseException:
            lease.hand_back()  # the worker is told to stop
            raise
    return True


def _wait_for_another(job: Job) -> None:
    """Say that the worker of a batch died; called in the reaper's transaction."""
    IntakeBatch.objects.filter(uuid=job.params.get("batch"), state=BatchState.RUNNING).update(
        stage="The worker died. Waiting for another one"
    )


def _give_up(job: Job) -> None:
    """Fail the batch of a job that lost its worker too often; called in the reaper's transaction."""
    batch = IntakeBatch.objects.filter(uuid=job.params.get("batch")).first()
    if batch is not None:
        _fail(batch, job.message)


def _stopped(job: Job) -> None:
    """A person stopped the job of a batch, here or on the jobs page; called in the transaction that cancels it."""
    batches.note_stopped(str(job.params.get("batch")))


#: What happens to the batch when something happens to its job.
HOOKS = Hooks(given_up=_give_up, handed_out=_wait_for_another, cancelled=_stopped)


def _end(batch: IntakeBatch, lease: Lease, state: BatchState, message: str) -> None:
    with transaction.atomic():
        # The job first, as everybody who locks both rows: a person may be stopping this batch just now.
        if not lease.finish(JobState.DONE if state == BatchState.DONE else JobState.FAILED, message):
            raise LeaseLost
        if state == BatchState.DONE:
            now, total = timezone.now(), batch.files_total
            batches.touch(batch, state=state, stage="", message=message, finished_at=now, files_done=total)
        else:
            _fail(batch, message)
    frames.sweep(batch.uuid)


def _end_badly(batch: IntakeBatch, lease: Lease, message: str) -> None:
    try:
        _end(batch, lease, BatchState.FAILED, message)
    except LeaseLost:
        log.info("Batch %s was taken over or stopped.", batch.pk)


def _fail(batch: IntakeBatch, message: str) -> None:
    IntakeBatch.objects.filter(pk=batch.pk).exclude(state__in=[BatchState.DONE, BatchState.FAILED]).update(
        state=BatchState.FAILED, stage="", message=message, finished_at=timezone.now()
    )


def _try_again(batch: IntakeBatch, lease: Lease) -> None:
    if lease.job.attempts >= queue.MOST_ATTEMPTS:
        _end_badly(
            batch,
            lease,
            f"Something unexpected stopped the import {lease.job.attempts} times. Cases that were already stored stay. "
            "Tell the administrator; the server's log says where.",
        )
    elif lease.release():
        batches.touch(batch, stage="Waiting for another attempt")


class _Import:
    """One attempt at one batch."""

    def __init__(self, batch: IntakeBatch, lease: Lease) -> None:
        self.batch, self.lease = batch, lease
        self.pseudonymizer = Pseudonymizer(settings.PSEUDONYM_KEY)
        self.named_patient = batches.named_patient(batch)
        self.origin = batch.options.get("origin", CaseOrigin.CLINICAL)
        self.folder = quarantine.batch_folder(batch.uuid)
        self.stage, self.done, self.total = "", 0, 0
        self.written_at = 0.0

    def run(self) -> None:
        self._start()
        with quarantine.disk_space_guard():
            sources, archives = self._files()
            niftis = [source for source in sources if is_nifti(source)]
            masks = [one for one in niftis if self.batch.options.get("mask") or looks_like_labels(one.path)]
            chosen = {id(one) for one in niftis}
            images = [one for one in niftis if all(one is not mask for mask in masks)]
            matcher = MaskMatcher(self.batch, self.lease)
            self._dicom([one.path for one in sources if id(one) not in chosen], matcher)
            self._niftis(images, matcher)
            for mask in masks:
                self.say("Placing a vertebra mask")
                matcher.place(mask, self.relative(mask.path))
                self.advance(1)
        for archive in archives:
            archive.unlink(missing_ok=True)  # its members lie beside it
            archive.with_suffix(".name").unlink(missing_ok=True)

    def _start(self) -> None:
        IntakeBatch.objects.filter(pk=self.batch.pk, state__in=[BatchState.QUEUED, BatchState.RUNNING]).update(
            state=BatchState.RUNNING, stage="Starting", files_done=0
        )
        # An attempt that died may have left rows of what it refused, and files that nothing names.
        Series.objects.filter(batch=self.batch).exclude(outcome__in=KEPT).delete()
        frames.sweep(self.batch.uuid)
        quarantine.remove_unpacked(self.batch.uuid)

    # -- progress --------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Called many times a second: stop if the lease is lost, and let people see where we are."""
        self.lease.check()
        now = time.monotonic()
        if now - self.written_at >= _WRITE_EVERY_SECONDS:
            self._write(now)

    def say(self, stage: str) -> None:
        self.stage = stage
        self.lease.check()
        self._write(time.monotonic())

    def advance(self, files: int) -> None:
        self.done = min(self.total, self.done + files)
        self.tick()

    def _write(self, now: float) -> None:
        self.written_at = now
        with transaction.atomic():  # one flush to the disk instead of two
            self.lease.progress(self.done / self.total if self.total else 0.0)
            if not batches.touch(self.batch, stage=self.stage, files_done=self.done, files_total=self.total):
                raise LeaseLost  # stopped by a person

    def relative(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    # -- stations --------------------------------------------------------------------------------------------------

    def _files(self) -> tuple[list[Source], list[Path]]:
        given, turned_away = quarantine.received(self.batch.uuid)
        self.total = self.batch.files_total = len(given)
        self.say("Unpacking")
        limits = Limits(settings.INTAKE_MAX_BYTES, settings.INTAKE_MAX_FILES, settings.INTAKE_MAX_RATIO)
        unpacked = unpack(given, quarantine.unpacked_folder(self.batch.uuid), limits, self.tick)
        self.total = self.batch.files_total = len(unpacked.sources)
        for one in [*turned_away, *unpacked.turned_away]:
            files = [self.relative(one.path)] if one.path is not None else []
            refused_row(Refusal(one.code, one.sentence), files, batch=self.batch).save()
        return unpacked.sources, unpacked.archives

    def _dicom(self, paths: list[Path], matcher: MaskMatcher) -> None:
        self.say("Reading headers")
        found = scan(self._watched(paths))
        self.done = 0  # headers were the lesser half: count again as images are stored
        self._refused_files([(one.path, one.code, one.sentence) for one in found.refused])
        for report in found.dose_reports:
            facts = dose_report_facts(report)
            row = refused_row(
                Refusal("dose-report", "Radiation dose report. The dose of its examination is taken from it."),
                [],
                images=1,
                batch=self.batch,
            )
            row.modality, row.words = facts.modality, facts.words
            row.save()
        self.advance(len(found.refused) + len(found.dose_reports))
        studies, nameless = studies_of(
            found.series,
            found.dose_reports,
            self.pseudonymizer,
            self.relative,
            named_patient=self.named_patient,
            origin=self.origin,
        )
        for series, refusal in nameless:
            self._nameless(series, refusal)
        for place, study in enumerate(studies, start=1):
            self._study(study, f"Examination {place} of {len(studies)}", matcher, "")

    def _niftis(self, images: list[Source], matcher: MaskMatcher) -> None:
        for place, source in enumerate(images, start=1):
            self.say(f"Reading volume {place} of {len(images)}")
            relative = self.relative(source.path)
            try:
                study = nifti_study(
                    source, relative, self.pseudonymizer, named_patient=self.named_patient, origin=self.origin
                )
            except Refusal as refusal:
                refused_row(refusal, [relative], images=1, batch=self.batch).save()
                self.advance(1)
                continue
            self._study(study, f"Volume {place} of {len(images)}", matcher, source.name)

    def _study(self, study: Study, prefix: str, matcher: MaskMatcher, name: str) -> None:
        def said(words: str) -> None:
            self.say(f"{prefix}: {words[0].lower()}{words[1:]}")

        case = StudyImport(self.batch, self.lease, study, self.pseudonymizer, tick=self.tick, said=said).run()
        if case is not None:
            matcher.add(case, name)
            # A report of it may have come in before its images.
            match_waiting([case.pk])
        self.advance(sum(len(arrival.files) for arrival in study.series))

    def _watched(self, paths: list[Path]) -> Iterator[Path]:
        for place, path in enumerate(paths):
            self.stage = f"Reading headers: {place} of {len(paths)}"
            self.done = place
            self.tick()
            yield path

    def _refused_files(self, refused: Iterable[tuple[Path, str, str]]) -> None:
        """One row per reason: a thousand text files are one fact."""
        reasons: dict[tuple[str, str], list[str]] = {}
        for path, code, sentence in refused:
            reasons.setdefault((code, sentence), []).append(self.relative(path))
        for (code, sentence), files in reasons.items():
            refused_row(Refusal(code, sentence), files, images=len(files), batch=self.batch).save()

    def _nameless(self, series: DicomSeries, refusal: Refusal) -> None:
        files = [self.relative(path) for path in series.paths]
        refused_row(refusal, files, images=len(files), batch=self.batch).save()
        self.advance(len(files))
