"""Writes the reviewer's bundle of a set of cases to a file."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from labeling.analysis.bundle.packing import bundle_of
from labeling.analysis.scope import DEVELOPMENT
from labeling.imaging.refusal import Refusal


class Command(BaseCommand):
    help = "Write the reviewer's bundle: reads, numbers, and a script that recomputes the one from the other."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--on", default=DEVELOPMENT, help="test, validation, training, development, all, round-N.")
        parser.add_argument("--by", required=True, help="As this account, which then knows the reads in it.")
        parser.add_argument("--out", type=Path, required=True, help="The zip file.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["by"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no account called {options['by']}.")
        try:
            bundle = bundle_of(user, options["on"])
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        target: Path = options["out"]
        target.parent.mkdir(parents=True, exist_ok=True)
        # Who looks for the file sees the old one or the whole new one.
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(bundle.content)
        os.replace(part, target)
        self.stdout.write(f"{target}: {bundle.numbers:,} numbers")
