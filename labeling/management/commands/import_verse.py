"""`manage.py import_verse DIR`: a VerSe-style BIDS tree becomes cases with anatomies, for a preliminary model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.imaging.refusal import Refusal
from labeling.intake import batches
from labeling.intake.importer import import_batch
from labeling.intake.verse import VerseScan, centroid_sentences, scans_in
from labeling.models import BatchState, Case, CaseOrigin, IntakeBatch, Outcome, Split
from labeling.reading.splits import assign_split


class Command(BaseCommand):
    help = "Bring in a VerSe-style BIDS tree: CTs with vertebra masks, each checked against its centroids."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument(
            "--patient-prefix", default="", help="Put before the subjects' names, where another tree has the same ones."
        )
        parser.add_argument("--split", choices=Split.values, help="Put the patients into this split.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            scans = scans_in(options["folder"])
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        came_in = 0
        for scan in scans:
            case, said = _brought_in(scan, options["patient_prefix"])
            came_in += case is not None
            if case is not None and options["split"]:
                said += _split(case, options["split"])
            self.stdout.write(f"{scan.name}: {' '.join(said)}")
        self.stdout.write(f"{came_in} of {len(scans)} scans are cases.")
        if not came_in:
            raise CommandError("Nothing came in.")


def _brought_in(scan: VerseScan, prefix: str) -> tuple[Case | None, list[str]]:
    """The case of a scan, and what is to be said of it."""
    if scan.ct is None:
        return None, ["No CT lies beside its mask, so nothing came in. Fetch the CT."]
    batch = batches.new_batch(
        None, scan.name, "command", patient=f"{prefix}{scan.subject}", origin=CaseOrigin.DEMONSTRATION
    )
    try:
        for path in (scan.ct, scan.mask):
            if path is not None:
                batches.add_path(batch, path)
        batches.finish_batch(batch, announce=False)
    except Refusal as refusal:
        batches.stop_batch(batch)
        return None, [refusal.sentence]
    import_batch(batch.uuid)
    batch.refresh_from_db()
    return _told(scan, batch)


def _told(scan: VerseScan, batch: IntakeBatch) -> tuple[Case | None, list[str]]:
    case = Case.objects.filter(series__batch=batch).select_related("patient").distinct().first()
    said = [] if case is None else [f"{case.name}, case {case.pk}."]
    if batch.state != BatchState.DONE:
        return None, [batch.message or "The import was not finished; a worker goes on with it."]
    said += [f"{row.get_outcome_display().capitalize()}. {row.why}".strip() for row in batch.series.order_by("pk")]
    if scan.mask is None:
        said.append("No mask lies beside it: its vertebrae are not known yet.")
    elif scan.centroids is None:
        said.append("No centroids lie beside the mask.")
    elif batch.series.filter(outcome=Outcome.MASK).exists():
        said += _centroids(scan.mask, scan.centroids)
    return case, said


def _centroids(mask: Path, centroids: Path) -> list[str]:
    try:
        return centroid_sentences(mask, centroids) or ["The centroids agree."]
    except Refusal as refusal:
        return [refusal.sentence]


def _split(case: Case, split: str) -> list[str]:
    try:
        assign_split(case.patient, split, by=None, reason="VerSe")
    except Refusal as refusal:
        return [refusal.sentence]
    return []
