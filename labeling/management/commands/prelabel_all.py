"""`manage.py prelabel_all`: have the active classifier read every anatomy in use that it has not read yet."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labeling.reading.opinions.prelabels import KIND, anatomies_in_use, ask_everywhere
from labeling.registry.versions import active


class Command(BaseCommand):
    help = "Ask the active classifier for every case that it has not read yet."

    def handle(self, *args: Any, **options: Any) -> None:
        version = active(KIND)
        if version is None:
            raise CommandError("No classifier is active. Activate one on the models page.")
        everywhere = anatomies_in_use().count()
        asked = ask_everywhere(version)
        self.stdout.write(f"{asked} asked for, {everywhere - asked} read already by {version.name}.")
