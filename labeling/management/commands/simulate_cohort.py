"""`manage.py simulate_cohort --cases N --seed S`: simulated spine CTs with known truth, written and brought in.

The record never imports the models' code, so the simulator is asked by name, as a program of its own; what it writes
comes in like any other delivery.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.imaging.refusal import Refusal
from labeling.intake import batches
from labeling.intake.importer import import_batch
from labeling.models import BatchState, Case, CaseOrigin, Split
from labeling.reading.elsewhere.reports import set_report
from labeling.reading.locking import NotComplete
from labeling.reading.refusals import NotReadable
from labeling.reading.simulated_reader import read_simulated
from labeling.reading.splits import assign_split

_SIMULATOR = "inference.simulate"
_REPOSITORY = Path(__file__).resolve().parents[3]


class Command(BaseCommand):
    help = "Write simulated spine CTs with masks, reports and truth, and bring them in as simulated cases if asked."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--cases", type=int, default=1, metavar="N")
        parser.add_argument("--seed", type=int, default=1, metavar="S", help="The same seed gives the same cases.")
        parser.add_argument("--axial", action="store_true", help="Axial volumes instead of native sagittal stacks.")
        parser.add_argument("--into", type=Path, metavar="DIR", help="Where they are written; else beside the state.")
        parser.add_argument("--import", action="store_true", dest="bring_in", help="Bring them in as cases.")
        parser.add_argument(
            "--reads", action="store_true", help="A simulated reader reads and locks them; brings them in."
        )
        parser.add_argument(
            "--reader-sensitivity", type=_share, default=1.0, metavar="SHARE", help="Of fractures that it finds."
        )
        parser.add_argument(
            "--reader-specificity", type=_share, default=1.0, metavar="SHARE", help="Of plain ones it calls negative."
        )
        parser.add_argument(
            "--split", choices=Split.values, default=None, help="Put the patients into this split; brings them in."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        into: Path = options["into"] or Path(settings.STATE) / "simulated"
        if options["reads"] and options["axial"]:
            raise CommandError("The simulated reader counts slices as native sagittal stacks do. Leave out --axial.")
        for folder in self._written(into.resolve(), options):
            line = str(folder)
            if options["bring_in"] or options["split"] or options["reads"]:
                case = _brought_in(folder)
                _put_into(case, options["split"])
                line = f"{line}: {case.name}, case {case.pk}"
                if options["reads"]:
                    line = f"{line}, {_read(case, folder)}"
            self.stdout.write(line)

    def _written(self, into: Path, options: dict[str, Any]) -> Iterator[Path]:
        """The folder of each case as soon as it is complete; the next one is drawn while it is brought in."""
        command = [sys.executable, "-m", _SIMULATOR, str(into)]
        command += ["--cases", str(options["cases"]), "--seed", str(options["seed"])]
        command += ["--axial"] if options["axial"] else []
        skill = {f"--reader-{name}": options[f"reader_{name}"] for name in ("sensitivity", "specificity")}
        if options["reads"] and any(share < 1 for share in skill.values()):
            command += [str(word) for pair in skill.items() for word in pair]
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as said,
            subprocess.Popen(command, cwd=_REPOSITORY, stdout=subprocess.PIPE, stderr=said, text=True) as simulator,
        ):
            try:
                for line in simulator.stdout or ():
                    yield Path(line.rstrip("\n"))
            except BaseException:
                simulator.terminate()  # nobody waits for the rest
                raise
            if simulator.wait():
                said.seek(0)
                lines = said.read().strip().splitlines()
                raise CommandError(f"The simulation stopped. {lines[-1] if lines else 'It gave no reason.'}")


def _put_into(case: Case, split: str | None) -> None:
    if split is None or split == Split.UNASSIGNED:
        return
    try:
        assign_split(case.patient, split, by=None, reason="Simulated cohort")
    except Refusal as refusal:
        raise CommandError(refusal.sentence) from None


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(text)
    return share


def _read(case: Case, folder: Path) -> str:
    """What became of the simulated reader's read of a case, in words."""
    try:
        read = read_simulated(case, folder)
    except Refusal as refusal:
        return f"not read: {refusal.sentence}"
    except (NotReadable, NotComplete) as reason:
        # Somebody else has taken the case, or its vertebrae were corrected since: the others are read all the same.
        return f"not read: {reason}"
    found = read.findings.filter(verdict="fracture").count()
    return f"read by {read.reader} with {found} fracture{'' if found == 1 else 's'}"


def _brought_in(folder: Path) -> Case:
    """One delivery per case: images and mask together, so that nobody has to guess whose mask it is."""
    batch = batches.new_batch(None, folder.name, "command", origin=CaseOrigin.SIMULATED)
    try:
        for part in (folder / "ct", folder / "mask.nii.gz"):
            batches.add_path(batch, part)
        batches.finish_batch(batch, announce=False)
    except Refusal as refusal:
        batches.stop_batch(batch)
        raise CommandError(refusal.sentence) from None
    import_batch(batch.uuid)
    batch.refresh_from_db()
    case = Case.objects.filter(series__batch=batch).distinct().first()
    if batch.state != BatchState.DONE or case is None:
        reasons = [batch.message, *batch.series.exclude(why="").values_list("why", flat=True)]
        raise CommandError(f"{folder.name} did not come in. {' '.join(one for one in reasons if one)}".rstrip())
    try:
        set_report(None, case, (folder / "report.txt").read_text(encoding="utf-8"))
    except Refusal as refusal:
        raise CommandError(f"{folder.name} came in, its report did not. {refusal.sentence}") from None
    return case
