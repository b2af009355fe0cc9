"""Reports and cases as the tests of the cohort need them."""

from __future__ import annotations

from typing import Any

from labeling.cohort.crawl import as_json, current_rules, rules_of
from labeling.language.crawling import crawl
from labeling.models import Case, StudyReport
from tests import factories

FRACTURE = "Befund: Frische Deckplattenimpressionsfraktur von LWK 1. Keine Spinalkanalstenose."
NEGATED = "Befund: Kein Nachweis einer Fraktur der Wirbelkörper."
OLD = "Bekannte alte Fraktur von LWK 2, unverändert zur Voruntersuchung."
EXCLUDED = "Z. n. Kyphoplastie LWK 3. Neue Sinterungsfraktur von LWK 1."
NOTHING = "Befund: Regelrechte Darstellung der Bandscheiben."


def make_report(text: str = FRACTURE, *, case: Case | None = None, searched: bool = True, **fields: Any) -> StudyReport:
    """A report as it stands after a search by the current rules."""
    report = StudyReport.objects.create(
        **{"key": factories.digest("report"), "case": case, "text": text, "source": "reports.csv, row 2", **fields}
    )
    if searched:
        rules = current_rules()
        found = crawl(text, rules_of(rules))
        report.rules, report.verdict, report.language, report.found = (
            rules,
            found.verdict,
            found.language,
            as_json(found),
        )
        report.save()
    return report
