"""What an installation begins with: roles, demonstration accounts, the open labelling round, a case and a model."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from labeling.imaging.refusal import Refusal
from labeling.management.commands.create_account import create_account
from labeling.models import Case
from labeling.reading.roles import Role, make_groups
from labeling.reading.rounds import enter_open_round, seed_open_labelling_round
from labeling.registry.starter import seed_starter_model

#: Account names and their roles.
DEMONSTRATION_ACCOUNTS = {
    "resident": Role.RESIDENT,
    "senior1": Role.SENIOR,
    "senior2": Role.SENIOR,
    "lead": Role.LEAD,
    "engineer": Role.ENGINEER,
    "administrator": Role.ADMINISTRATOR,
}


class Command(BaseCommand):
    help = "Make what an installation begins with. What is there already stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--without-accounts", action="store_true", help="No demonstration accounts.")
        parser.add_argument("--without-case", action="store_true", help="No demonstration case.")
        parser.add_argument("--without-model", action="store_true", help="No starter model for segmentation.")

    def handle(self, *args: Any, **options: Any) -> None:
        make_groups()
        if not options["without_accounts"]:
            self._accounts()
        seed_open_labelling_round()
        if not options["without_case"]:
            # Imported late: it pulls in the whole imaging stack, which --without-case does not need.
            from labeling.intake.demonstration import seed_demonstration_case

            seed_demonstration_case()
        if not options["without_model"]:
            self._starter_model()
        for case in Case.objects.filter(reading_stack__isnull=False, assignments__isnull=True).select_related(
            "patient"
        ):
            enter_open_round(case)

    def _starter_model(self) -> None:
        try:
            seed_starter_model()
        except Refusal as refusal:
            self.stdout.write(refusal.sentence)  # reading never waits for a model

    def _accounts(self) -> None:
        made = {name: create_account(name, [role]) for name, role in DEMONSTRATION_ACCOUNTS.items()}
        new = {name: password for name, password in made.items() if password is not None}
        if new:
            self.stdout.write("Demonstration accounts. Their passwords are shown this once:")
        for name, password in new.items():
            self.stdout.write(f"  {name:<14} {password}")
