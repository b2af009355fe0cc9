"""The worklist of a resident when the database is full: pages and API over HTTP, and how many queries they ask."""

from __future__ import annotations

from tests.bench.filling import Filling
from tests.bench.installation import Account, Site, make_account
from tests.bench.report import Row, limited
from tests.bench.scale import Scale
from tests.bench.visitor import Visitor

GOAL = 100.0  # milliseconds
FEW = 10  # cases, for the first count of queries

#: What is looked at: the list as it opens, a long tab, its last page, a search, and the API beside the page.
PATHS = (
    ("worklist page", "/worklist"),
    ("worklist page, locked reads", "/worklist?tab=locked"),
    ("worklist page, far down the pool", "/worklist?tab=to_read&page=120"),
    ("worklist page, a search", "/worklist?tab=to_read&search=B00"),
    ("worklist API", "/api/worklist?tab=to_read"),
)


def run(site: Site, scale: Scale) -> list[Row]:
    """Fill the database, look at the list, and count queries before and after."""
    account = make_account("resident")
    fill = Filling(account, scale.vertebrae_per_case)
    fill.add(FEW)
    few = _queries(account)
    fill.add(scale.cases - FEW)
    many = _queries(account)
    rows = []
    with Visitor(site, account) as visitor:
        for _, path in PATHS * 4:  # each process of the server has loaded what it needs
            visitor.get(path)
        size = f"{scale.cases:,} cases, {scale.cases * scale.vertebrae_per_case:,} vertebrae"
        for what, path in PATHS:
            taken = []
            for _ in range(scale.requests):
                answer = visitor.get(path)
                if answer.status != 200:
                    raise RuntimeError(f"{path} was answered {answer.status}.")
                taken.append(answer.milliseconds)
            rows.append(limited(f"{what}, {size}", taken, median=GOAL))
    for (what, _), before, after in zip(PATHS, few, many, strict=True):
        text = f"{before} with {FEW} cases, {after} with {scale.cases:,}"
        rows.append(Row(f"queries of the {what}", text, "constant", ok=after <= before))
    return rows


def _queries(account: Account) -> list[int]:
    """How many queries each path asks, the login's included."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username=account.name), backend="django.contrib.auth.backends.ModelBackend")
    counts = []
    for _, path in PATHS:
        client.get(path)  # the session is in the cache from now on
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} was answered {answer.status_code}.")
        counts.append(len(asked))
    return counts
