"""`manage.py import_reports FILES…`: bring in reports as tables, JSON, text, DICOM SR, or zip archives of those."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.cohort.reports import receive
from labeling.imaging.refusal import Refusal


class Command(BaseCommand):
    help = "Bring in reports: CSV, TSV, JSON, text, DICOM SR, zip; folders are taken with all that they hold."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            files = [(path.name, path.read_bytes()) for path in _files(options["files"])]
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
        try:
            received = receive(None, files)
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        for sentence in received.problems:
            self.stderr.write(sentence)
        self.stdout.write(
            f"{received.new:,} reports came in, {received.matched:,} of them with their case; "
            f"{received.known:,} were here already."
        )


def _files(paths: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    return found
