"""Browser tests: a whole Sagittal runs beside them, and Chromium uses it as a person would.

They act through roles and labels, and look into the database as well as at the page.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.accessibility import Look, Looker
from tests.browser.application import Application
from tests.browser.people import People, Person, launch_chromium
from tests.intake import phantoms

HERE = Path(__file__).parent
_REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()
_numbers = itertools.count(1)

NewCase = Callable[..., dict[str, Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are browser tests."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Tell the fixtures how the test went."""
    report = yield
    item.stash.setdefault(_REPORTS, {})[report.when] = report
    return report


def has_failed(item: pytest.Item) -> bool:
    """Whether anything of a test has gone wrong so far, for a fixture that comes to its end."""
    return any(report.failed for report in item.stash.get(_REPORTS, {}).values())


# Of the folder, not of the run: while Playwright is open, Django lets nobody else in this process near a database.
@pytest.fixture(scope="package")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A running Sagittal with demonstration accounts and the demonstration case."""
    running = Application(tmp_path_factory.mktemp("browser") / "state")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser program, once for all tests; each test has browsers of its own in it."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=10_000)
        browser = launch_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def logins() -> dict[str, Any]:
    """Logins that tests share, because hashing a password takes its time."""
    return {}


@pytest.fixture
def people(
    application: Application, chromium: Browser, logins: dict[str, Any], request: pytest.FixtureRequest
) -> Iterator[People]:
    """Browsers for this test. Whatever one of them complains about unforeseen fails the test."""
    crowd = People(chromium, application, logins)
    yield crowd
    failed = has_failed(request.node)
    try:
        if failed or crowd.unforeseen:
            crowd.photograph(request.node.name)
    finally:
        crowd.go_home()
    if crowd.unforeseen and not failed:
        pytest.fail("The browser complained:\n" + "\n".join(crowd.unforeseen), pytrace=False)


@pytest.fixture
def person(people: People) -> Person:
    """`person("resident")` is a page in a fresh browser in which the resident is logged in."""
    return people.person


@pytest.fixture
def new_case(application: Application, tmp_path: Path) -> NewCase:
    """Bring in a phantom of L1 to L4 of a new patient: a native sagittal series unless `derived`, with its mask."""

    def make(*, derived: bool = False, masked: bool = True, **options: Any) -> dict[str, Any]:
        number = next(_numbers)
        folder = tmp_path / f"case{number}"
        write = phantoms.dicom if derived else phantoms.sagittal_dicom
        files = write(folder, patient_id=f"BROWSER-{number}", seed=number, **options)
        if masked:
            files = [*files, phantoms.nifti(folder / "mask.nii.gz", phantoms.MASK)]
        return application.bring_in(files)

    return make


@pytest.fixture
def look(request: pytest.FixtureRequest) -> Iterator[Look]:
    """`look(page, words)`: axe-core's rules on what is on screen. What was found is told when the test is through."""
    looker = Looker()
    yield looker.look
    for weaker in looker.of_impact(serious=False):
        warnings.warn(weaker, stacklevel=1)
    serious = looker.of_impact(serious=True)
    if serious:
        pytest.fail(f"{len(serious)} elements seriously violate a rule:\n" + "\n".join(serious), pytrace=False)
    missed = set(request.function.pages) - looker.looked_at
    assert not missed or has_failed(request.node), f"Nobody looked at {sorted(missed)}."
