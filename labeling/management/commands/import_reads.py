"""Brings in old reads out of a spreadsheet as a round of their own."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from labeling.imaging.refusal import Refusal
from labeling.intake.read_tables import FIELDS, mapping_from
from labeling.intake.table_files import MAX_BYTES
from labeling.models import Read
from labeling.reading.elsewhere.imported_reads import UNLISTED, Check, check_reads, import_reads
from labeling.reading.roles import may_plan_rounds


class Command(BaseCommand):
    help = "Bring in old reads out of a spreadsheet (CSV, TSV, XLSX): a row for case, level, verdict, AO, reader, date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--name", default="", help="What the round is called; else as the file.")
        parser.add_argument(
            "--map",
            nargs="+",
            default=[],
            metavar="COLUMN=FIELD",
            help=f"Columns that are not called as usual; fields are {', '.join(FIELDS)}.",
        )
        parser.add_argument(
            "--unlisted",
            choices=UNLISTED,
            default="nothing",
            help="What is said of vertebrae that the sheet leaves out.",
        )
        parser.add_argument("--check", action="store_true", help="Say what would come in, and bring nothing in.")
        parser.add_argument("--by", default="", help="Bring it in as this account of a lead, who is shown the reads.")

    def handle(self, *args: Any, **options: Any) -> None:
        user, file = self._user(options["by"]), options["file"]
        try:
            if file.stat().st_size > MAX_BYTES:
                raise CommandError(f"The file has more than {MAX_BYTES // 1024**2} MB. Split it.")
            data = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        try:
            how: dict[str, Any] = {
                "name": options["name"],
                "unlisted": options["unlisted"],
                "mapping": mapping_from(options["map"]),
            }
            check = check_reads(user, data, file.name, **how)
            self._tell(check)
            if options["check"] and check.is_ready:
                return
            round_ = import_reads(user, data, file.name, **how)
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        self.stdout.write(f"{round_.name}: {Read.objects.filter(round=round_).count()} reads are in.")

    def _tell(self, check: Check) -> None:
        for error in check.errors:
            self.stderr.write(f"Row {error.number}: {error.sentence}")
        for sentence in check.refusals:
            self.stderr.write(sentence)
        for one in check.readers:
            self.stdout.write(f"{one.name}: {'a new account, ' if one.is_new else ''}{one.account}")
        for row in check.not_in_view:
            self.stdout.write(f"Row {row.number}: {row.case} has no {row.level}; {row.verdict} is left out.")
        self.stdout.write(f"{len(check.old_reads)} reads of {len(check.cases)} cases by {len(check.readers)} readers.")

    def _user(self, name: str) -> User | None:
        if not name:
            return None
        user = User.objects.filter(username=name).first()
        if user is None or not may_plan_rounds(user):
            raise CommandError(f"There is no account of a lead called {name}.")
        return user
