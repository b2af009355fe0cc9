"""Deliveries: opened, filled file by file, closed, and handed to a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Prefetch, QuerySet
from django.utils import timezone

from labeling.imaging.refusal import Refusal
from labeling.imaging.sealing import Seal
from labeling.intake import quarantine
from labeling.jobs import queue
from labeling.models import BatchState, Case, CaseOrigin, IntakeBatch, Job, Series
from labeling.reading.roles import may_see_all_cases

__all__ = [
    "add_file",
    "add_path",
    "finish_batch",
    "job_key",
    "named_patient",
    "new_batch",
    "note_stopped",
    "stop_batch",
    "touch",
    "visible_batches",
]

_WRITE_EVERY_FILES = 200


def new_batch(
    by: Any,
    name: str,
    source: str,
    *,
    patient: str = "",
    case: Case | None = None,
    mask: bool = False,
    origin: CaseOrigin = CaseOrigin.CLINICAL,
) -> IntakeBatch:
    """Open a delivery.

    Parameters
    ----------
    by
        The user who sends it, or None for a command.
    name
        What was dropped; only its top level is kept, and it is shown to people who may import.
    source
        'upload', 'command' or 'dicom'.
    patient
        Whose files without a patient identifier are; sealed at once, because it may be a name.
    case
        The case that masks of this delivery belong to.
    mask
        Every NIfTI file is a mask.
    """
    options: dict[str, Any] = {}
    if patient.strip():
        options["patient"] = Seal(settings.IDENTITY_KEYS).seal({"patient": patient.strip()}).decode()
    if case is not None:
        options["case"] = case.pk
    if mask:
        options["mask"] = True
    if origin != CaseOrigin.CLINICAL:
        options["origin"] = str(origin)
    return IntakeBatch.objects.create(
        name=quarantine.top_level(name) or "Delivery",
        by=by,
        source=source,
        options=options,
        stage="Receiving files",
    )


def named_patient(batch: IntakeBatch) -> str:
    """The patient that was named for files without an identifier of their own, or an empty text."""
    sealed = batch.options.get("patient")
    return str(Seal(settings.IDENTITY_KEYS).open(sealed.encode())["patient"]) if sealed else ""


def add_file(batch: IntakeBatch, name: str, stream: BinaryIO) -> int:
    """Take one file into quarantine; the same name again replaces it. Returns its size in bytes.

    Raises
    ------
    Refusal
        ``not-receiving``, ``too-many-files``, ``too-large``, ``disk-full``, ``no-name``.
    """
    count = _Count(batch)
    written = count.take(name, stream)
    count.write()
    return written


class _Count:
    """Files and bytes of a delivery, held against the limits; written to its row when asked, not per file."""

    def __init__(self, batch: IntakeBatch) -> None:
        self.batch = batch
        row = IntakeBatch.objects.values_list("state", "files_total", "bytes_total").get(pk=batch.pk)
        self.state, self.files, self.bytes = row
        self.new_files = self.new_bytes = 0

    def take(self, name: str, stream: BinaryIO) -> int:
        if self.state != BatchState.RECEIVING:
            raise _closed()
        if not name.strip():
            raise Refusal("no-name", "The file came without a name. Send it again with one.")
        if self.files + self.new_files >= settings.INTAKE_MAX_FILES:
            most = f"{settings.INTAKE_MAX_FILES:,}"
            raise Refusal("too-many-files", f"A delivery holds at most {most} files. Send the rest as another.")
        room = max(0, settings.INTAKE_MAX_BYTES - self.bytes - self.new_bytes)
        written, replaced = quarantine.receive(self.batch.uuid, name, stream, most_bytes=room)
        self.new_files += 1 if replaced < 0 else 0
        self.new_bytes += written - max(0, replaced)
        return written

    def write(self) -> None:
        counted = IntakeBatch.objects.filter(pk=self.batch.pk, state=BatchState.RECEIVING).update(
            files_total=F("files_total") + self.new_files, bytes_total=F("bytes_total") + self.new_bytes
        )
        if not counted:
            raise _closed()  # closed while the file was on its way: the worker may not have seen it
        self.files, self.bytes = self.files + self.new_files, self.bytes + self.new_bytes
        self.new_files = self.new_bytes = 0


def _closed() -> Refusal:
    return Refusal("not-receiving", "This delivery is closed and takes no more files. Start a new one.")


def add_path(batch: IntakeBatch, path: Path) -> int:
    """Copy a file, or every file under a folder, into the delivery; symbolic links are not followed. Returns how many.

    Raises
    ------
    Refusal
        as `add_file`, and ``unreadable-file`` for a file that may not be read.
    """
    total = 0
    count = _Count(batch)
    for name, file in _files_under(path):
        if file.is_symlink() or not file.is_file():
            sentence = "A link or a device lies among the files. It was not followed. Send the file itself."
            quarantine.turn_away(batch.uuid, Refusal("link", sentence))
            continue
        try:
            stream = file.open("rb")
        except OSError as error:
            raise Refusal("unreadable-file", f"A file cannot be read: {error.strerror}. Check its rights.") from None
        with stream:
            count.take(name, stream)
        total += 1
        if count.new_files >= _WRITE_EVERY_FILES:
            count.write()
    count.write()
    return total


def _files_under(path: Path) -> Iterator[tuple[str, Path]]:
    """Files with the name each is to have, in order; a folder's own name comes first."""
    if path.is_symlink() or not path.is_dir():
        yield path.name, path
        return
    for folder, subfolders, files in os.walk(path, followlinks=False):
        links = [name for name in subfolders if (Path(folder) / name).is_symlink()]
        subfolders[:] = sorted(set(subfolders) - set(links))
        for name in sorted([*files, *links]):
            file = Path(folder) / name
            yield str(Path(path.resolve().name) / file.relative_to(path)), file


def finish_batch(batch: IntakeBatch, *, announce: bool = True) -> Job:
    """Close the delivery and hand it to a worker once this transaction is committed. Closing it twice is harmless.

    Parameters
    ----------
    announce
        False where the caller runs `importer.import_batch` itself, so that no worker is faster.

    Raises
    ------
    Refusal
        ``not-receiving`` where it was stopped.
    """
    with transaction.atomic():
        locked = IntakeBatch.objects.select_for_update().get(pk=batch.pk)
        if locked.state == BatchState.RECEIVING:
            locked.state, locked.stage = BatchState.QUEUED, "Waiting for a worker"
            locked.save(update_fields=["state", "stage"])
        elif locked.state == BatchState.FAILED:
            raise Refusal("not-receiving", "This delivery was stopped. Start a new one.")
        return queue.enqueue(
            job_key(batch),
            "import",
            {"batch": str(batch.uuid)},
            title=f"Import of {locked.files_total} file{'' if locked.files_total == 1 else 's'}",
            by=locked.by,
            announce=announce,
        )


def stop_batch(batch: IntakeBatch) -> bool:
    """Stop a delivery on a person's wish. Cases that are already stored stay. False where it had already ended."""
    with transaction.atomic():
        stopped = queue.cancel(job_key(batch))  # which notes it in the batch as well
        return note_stopped(batch.uuid) or stopped


def note_stopped(batch_uuid: UUID | str) -> bool:
    """Write into a delivery that a person stopped it; False where it had already ended."""
    return bool(
        IntakeBatch.objects.filter(
            uuid=batch_uuid, state__in=[BatchState.RECEIVING, BatchState.QUEUED, BatchState.RUNNING]
        ).update(
            state=BatchState.FAILED,
            stage="",
            message="Stopped by a person. Cases that were already stored stay.",
            finished_at=timezone.now(),
        )
    )


def visible_batches(user: User) -> QuerySet[IntakeBatch]:
    """Deliveries that this person may look at, newest first, with their series: their own, all for those who oversee.

    What others dropped may be called by a patient's name.
    """
    series = Series.objects.select_related("case__patient").order_by("pk")
    batches = IntakeBatch.objects.order_by("-created_at").prefetch_related(Prefetch("series", queryset=series))
    return batches if may_see_all_cases(user) else batches.filter(by=user.pk)


def job_key(batch: IntakeBatch) -> str:
    return f"import:{batch.uuid}"


def touch(batch: IntakeBatch, **values: Any) -> bool:
    """Write values of a running batch at once, so that whoever polls sees them; False where it no longer runs."""
    return bool(IntakeBatch.objects.filter(pk=batch.pk, state=BatchState.RUNNING).update(**values))
