"""`manage.py train_classifier --name NAME`: freeze the labelled slices of the training patients, and train on them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.datasets.slice_sets import chosen_weights, freeze_slices, train_classifier
from labeling.imaging.refusal import Refusal
from labeling.imaging.vertebral_recipes import SLICE_RECIPES


class Command(BaseCommand):
    help = "Freeze the labelled slices of the training patients as a set, and ask for a training on it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="Of the slice set and of the model.")
        parser.add_argument("--recipe", choices=sorted(SLICE_RECIPES), default="sagittal")
        parser.add_argument("--freeze-only", action="store_true", help="Freeze the set and train nothing.")
        parser.add_argument("--epochs", type=int)
        parser.add_argument("--seed", type=int)
        parser.add_argument("--threads", type=int, help="0 for all cores.")
        parser.add_argument(
            "--weights",
            metavar="WHERE",
            help="random, package:efficientnet-lite0 (the usual of the recipe sagittal), or the path of a file.",
        )
        parser.add_argument("--sha256", default="", metavar="HEX", help="Of the file of weights.")

    def handle(self, *args: Any, **options: Any) -> None:
        training = {name: options[name] for name in ("epochs", "seed", "threads") if options[name] is not None}
        try:
            if options["weights"] is not None:
                training["weights"] = chosen_weights(options["weights"], options["sha256"])
            dataset = freeze_slices(options["name"], None, options["recipe"])
            counts = dataset.recipe["counts"]
            self.stdout.write(
                f"{dataset.name}: {counts['slices']} slices of {counts['patients']} patients, {dataset.sha256}"
            )
            if options["freeze_only"]:
                return
            job = train_classifier(dataset, training, None, options["name"])
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from None
        self.stdout.write(f"{job.title}: job {job.pk}, {job.get_state_display()}")
