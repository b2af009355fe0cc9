"""Writes the labels and findings of locked reads to a folder."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from labeling.datasets.labels_export import EXPORTS, FORMATS, current_locked_reads, exported, record_export
from labeling.models import Round
from labeling.reading.roles import may_export


class Command(BaseCommand):
    help = "Write the slice labels and the findings of all locked reads to a folder, as CSV or JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, help="The folder; it is made where it is missing.")
        parser.add_argument("--format", choices=sorted(FORMATS), default="csv")
        parser.add_argument("--round", default="", help="Only the reads of the round of this name.")
        parser.add_argument(
            "--by",
            default="",
            help="Export as this account: without cases it reads blindly, and recorded as shown to it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder, format, round_name = options["out"], options["format"], options["round"]
        if round_name and not Round.objects.filter(name=round_name).exists():
            raise CommandError(f"There is no round called {round_name}.")
        user = self._user(options["by"])
        folder.mkdir(parents=True, exist_ok=True)
        for what, table in EXPORTS.items():
            if user is not None:
                pieces = exported(user, what=what, format=format, round_name=round_name)
            else:
                reads = current_locked_reads(round_name)
                record_export(None, what=what, format=format, round_name=round_name, reads=reads)
                pieces = FORMATS[format](table.rows(reads), table.columns[format])
            target = folder / f"{what}.{format}"
            # A reader of the folder sees the old file or the whole new one.
            part = folder / f".{what}.{format}.part"
            with part.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
            os.replace(part, target)
            self.stdout.write(str(target))

    def _user(self, name: str) -> User | None:
        if not name:
            return None
        user = User.objects.filter(username=name).first()
        if user is None or not may_export(user):
            raise CommandError(f"There is no account called {name} that may export labels.")
        return user
