"""`manage.py import_model ZIP --sha256 HEX --name NAME`: register a model that nnU-Net has exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.imaging.refusal import Refusal
from labeling.registry import activate, import_model


class Command(BaseCommand):
    help = "Register a segmentation model from an nnU-Net export. Its files run as a program: give its SHA-256."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("zip", type=Path, metavar="ZIP")
        parser.add_argument("--sha256", required=True, metavar="HEX", help="Of the zip, as its maker gives it.")
        parser.add_argument("--name", default="", help="What the model is called; else as it calls itself.")
        parser.add_argument("--activate", action="store_true", help="Segment with it unless another is named.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = import_model(options["zip"], options["sha256"], options["name"], None)
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        if options["activate"]:
            activate(version, None)
        self.stdout.write(f"{version.name}: {version.get_state_display()}, model {version.pk}, {version.sha256}")
