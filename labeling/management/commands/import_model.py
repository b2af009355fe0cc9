"""`manage.py import_model ZIP --sha256 HEX --name NAME`: register a model that nnU-Net exported, or a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.imaging.refusal import Refusal
from labeling.registry import activate, import_model


class Command(BaseCommand):
    help = "Register a model from a zip file. The files of nnU-Net run as a program: give the SHA-256 of the zip."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("zip", type=Path, metavar="ZIP")
        parser.add_argument("--sha256", required=True, metavar="HEX", help="Of the zip, as its maker gives it.")
        parser.add_argument("--kind", choices=("segmentation", "classifier"), default="segmentation")
        parser.add_argument("--name", default="", help="What the model is called; else as it calls itself.")
        parser.add_argument("--activate", action="store_true", help="Use it unless another is named.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = import_model(options["zip"], options["sha256"], options["name"], None, options["kind"])
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        if options["activate"]:
            activate(version, None)
        self.stdout.write(f"{version.name}: {version.get_state_display()}, model {version.pk}, {version.sha256}")
