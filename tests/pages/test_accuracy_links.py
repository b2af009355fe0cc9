"""Table 2: each number opens the vertebrae that it counts, and the list is as long as the number says."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from labeling.reading.roles import Role
from tests import factories
from tests.analysis.small_study import make_study, sets_truth

pytestmark = pytest.mark.django_db

LINK = re.compile(r'<a href="(/numbers/cases\?[^"]+)">([\d,]+)(?: of [\d,]+)?(?:<span|</a>)')


def test_every_number_of_table_2_opens_as_many_rows_as_it_says() -> None:
    study = make_study()
    for case, words in zip(study.cases, ("A4 N A1 N", "N A2 N N", "N N A1 N"), strict=True):
        sets_truth(case, words)
    client = Client()
    client.force_login(factories.make_user(Role.LEAD))
    page = client.get(f"/numbers?on=all&reader={study.key(0)}").content.decode()
    found = {html.unescape(url): int(count.replace(",", "")) for url, count in LINK.findall(page)}
    cells = {re.search(r"cell=(\w+)", url)[1] for url in found}  # type: ignore[index]
    assert cells >= {"tp", "fp", "fn", "tn", "right", "judged_positives", "compared"}
    for url, count in found.items():
        shown = client.get(url).context
        assert (shown["found"].count, len(shown["rows"])) == (count, count), url
