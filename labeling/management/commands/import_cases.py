"""`manage.py import_cases PATH…`: bring in zips, folders and files, here and now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.imaging.refusal import Refusal
from labeling.intake import batches
from labeling.intake.importer import import_batch
from labeling.intake.store import KEPT
from labeling.models import BatchState, Case, IntakeBatch, Outcome, Series
from labeling.reading.elsewhere.reports import set_report

#: What counts as brought in; what was there before counts too, or a second run would fail.
_CAME_IN = {*KEPT, Outcome.MASK, Outcome.SEEN_BEFORE}


class Command(BaseCommand):
    help = "Bring in cases from zips, folders, DICOM and NIfTI files, and say of each series what became of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--patient", default="", help="Whose files without a patient identifier are.")
        parser.add_argument("--mask", action="store_true", help="Every NIfTI file is a vertebra mask.")
        parser.add_argument("--case", type=int, default=None, help="Number of the case that the masks belong to.")

        parser.add_argument("--report", type=Path, metavar="FILE", help="The clinical report of the one case, as text.")

    def handle(self, *args: Any, **options: Any) -> None:
        report = None if options["report"] is None else _text(options["report"])
        batch = self._deliver(options)
        import_batch(batch.uuid)
        batch.refresh_from_db()
        came_in = False
        for series in batch.series.select_related("case__patient").order_by("pk"):
            came_in = came_in or series.outcome in _CAME_IN
            self.stdout.write(_line(series))
        if batch.state != BatchState.DONE:
            raise CommandError(batch.message or "The import was not finished; a worker goes on with it.")
        if not came_in:
            raise CommandError("Nothing came in.")
        if report is not None:
            self._store_report(batch, report)

    def _store_report(self, batch: IntakeBatch, report: str) -> None:
        cases = list(Case.objects.filter(series__batch=batch).distinct()[:2])
        if len(cases) != 1:
            raise CommandError("The images came in as more than one case, so the report was not stored with any.")
        try:
            set_report(None, cases[0], report)
        except Refusal as refusal:
            raise CommandError(f"The images came in, the report did not. {refusal.sentence}") from None
        self.stdout.write(f"Report stored: {cases[0].name}, case {cases[0].pk}.")

    def _deliver(self, options: dict[str, Any]) -> IntakeBatch:
        paths: list[Path] = options["paths"]
        missing = [path for path in paths if not path.exists()]
        if missing:
            raise CommandError(f"{missing[0]} is not there.")
        case = None
        if options["case"] is not None:
            case = Case.objects.filter(pk=options["case"]).first()
            if case is None:
                raise CommandError(f"There is no case {options['case']}.")
        name = paths[0].resolve().name if len(paths) == 1 else f"{paths[0].resolve().name} and {len(paths) - 1} more"
        batch = batches.new_batch(None, name, "command", patient=options["patient"], case=case, mask=options["mask"])
        try:
            for path in paths:
                batches.add_path(batch, path)
            batches.finish_batch(batch, announce=False)
        except Refusal as refusal:
            batches.stop_batch(batch)
            raise CommandError(refusal.sentence) from None
        return batch


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"The report {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"The report {path} is no UTF-8 text. Save it as UTF-8 and begin again.") from None


def _line(series: Series) -> str:
    number = "" if series.number is None else f" {series.number}"
    what = f"{series.modality or 'file'}{number}"
    facts = [what, series.words, f"{series.images} images" if series.images != 1 else "1 image"]
    case = f" [{series.case.name}, case {series.case.pk}]" if series.case is not None else ""
    return f"{series.get_outcome_display()}{case}: {', '.join(fact for fact in facts if fact)}. {series.why}".rstrip()
