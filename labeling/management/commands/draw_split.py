"""`manage.py draw_split`: put the included patients who are in no split into training, validation or test."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.cohort.splitting import Wanted, draw_split, preview_split
from labeling.imaging.refusal import Refusal


class Command(BaseCommand):
    help = "Split the included patients who are in no split by the keyed hash of their pseudonyms."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--test", type=float, default=0.1, help="Share of all patients; 0.1 by default.")
        parser.add_argument("--validation", type=float, default=0.1, help="Share of the others; 0.1 by default.")
        parser.add_argument("--stratified", action="store_true", help="Meet the shares with and without a fracture.")
        parser.add_argument("--check", action="store_true", help="Say what would be drawn, and draw nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = Wanted(options["test"], options["validation"], options["stratified"])
        try:
            if options["check"]:
                preview = preview_split(wanted)
                counts, barred = preview.new, preview.read_already
            else:
                drawn = draw_split(None, wanted)
                counts, barred = drawn.counts, drawn.read_already
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        if not any(counts.values()):
            self.stdout.write("No included patient waits for a split.")
            return
        self.stdout.write(", ".join(f"{count:,} {split}" for split, count in counts.items()))
        for name in barred:
            self.stdout.write(f"{name} is being read in the labelling round and trains instead of being tested.")
