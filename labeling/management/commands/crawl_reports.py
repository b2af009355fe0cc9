"""`manage.py crawl_reports`: search every report that the current rules have not searched."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from labeling.cohort.crawl import crawl_now
from labeling.models import StudyReport


class Command(BaseCommand):
    help = "Search the reports that the current rules have not searched, and propose candidates."

    def handle(self, *args: Any, **options: Any) -> None:
        searched = crawl_now()
        proposed = StudyReport.objects.filter(found__counts=True).count()
        self.stdout.write(f"{searched:,} searched; {proposed:,} reports are proposed as candidates.")
