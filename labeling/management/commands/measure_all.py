"""`manage.py measure_all`: have every anatomy measured that is read and was not measured yet by this method."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from labeling.models import Case
from labeling.reading.opinions.measuring import ask
from labeling.reading.rounds import reading_anatomy


class Command(BaseCommand):
    help = "Ask for the vertebral bodies of every case to be measured, where that was not done yet."

    def handle(self, *args: Any, **options: Any) -> None:
        asked = measured = 0
        cases = Case.objects.filter(reading_stack__isnull=False).order_by("pk")
        for case in cases.select_related("patient").iterator(chunk_size=200):
            anatomy = reading_anatomy(case)
            if anatomy is None:
                continue
            if ask(anatomy) is None:
                measured += 1
            else:
                asked += 1
        self.stdout.write(f"{asked} asked for, {measured} measured already.")
