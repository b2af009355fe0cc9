"""`manage.py train_segmentation NAME`: freeze the masks of the training patients and have a worker train on them."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.datasets.mask_sets import TARGETS, freeze_masks, train_segmentation
from labeling.imaging.refusal import Refusal


class Command(BaseCommand):
    help = "Freeze the masks of the training patients as a set, and ask for a training on it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Of the mask set and of the model.")
        parser.add_argument("--target", choices=TARGETS, default="bodies")
        parser.add_argument("--freeze-only", action="store_true", help="Freeze the set and train nothing.")
        parser.add_argument("--epochs", type=int)
        parser.add_argument("--iterations", type=int, help="Of an epoch.")
        parser.add_argument("--planner")
        parser.add_argument(
            "--set",
            type=_setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="Any other setting, as JSON.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {name: options[name] for name in ("epochs", "iterations", "planner") if options[name] is not None}
        try:
            dataset = freeze_masks(options["name"], None, options["target"])
            self.stdout.write(f"{dataset.name}: {dataset.recipe['cases']} masks, {dataset.sha256}")
            if options["freeze_only"]:
                return
            job = train_segmentation(dataset, chosen | dict(options["set"]), None, options["name"])
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        self.stdout.write(f"{job.title}: job {job.pk}, {job.get_state_display()}")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} is no NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
