"""Bringing cases in by the intake page, and giving a case its mask: what the page says is what the record holds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests.browser.application import Application
from tests.browser.conftest import NewCase
from tests.browser.people import People, Person
from tests.browser.room import Record
from tests.imaging.dicom_factory import JPEG_LS
from tests.intake import phantoms

#: Kilobytes a second, where a delivery has to be watched while it is on its way.
SLOWLY = 120
IMPORTED = 40_000  # milliseconds


def intake(page: Page) -> Page:
    page.goto("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Intake").click()
    expect(page.get_by_role("heading", name="Intake", level=1)).to_be_visible()
    return page


def choose(page: Page, kind: str, paths: Path | list[Path]) -> None:
    """Press the button and answer the browser's own dialog."""
    with page.expect_file_chooser() as coming:
        page.get_by_role("button", name=kind, exact=True).click()
    coming.value.set_files(paths)


def delivery(page: Page, name: str) -> Locator:
    """The part of the table that is about one delivery."""
    return page.get_by_role("rowgroup").filter(has=page.get_by_text(name, exact=True))


def send_slowly(page: Page, kilobytes: int) -> None:
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": kilobytes * 1024}
    network.send("Network.emulateNetworkConditions", limits)


def test_a_resident_brings_in_a_zip_and_watches_it_until_its_series_are_named_and_the_case_is_open(
    application: Application, person: Person, tmp_path: Path
) -> None:
    files = phantoms.dicom(tmp_path / "in", patient_id="ZIP-1", seed=501)
    mask = phantoms.nifti(tmp_path / "in" / "mask.nii.gz", phantoms.MASK, orientation="RAS")
    archive = phantoms.zipped(tmp_path / "spine.zip", [*files, mask])
    page = intake(person("resident"))
    send_slowly(page, SLOWLY)
    choose(page, "Choose files", archive)
    on_its_way = page.get_by_role("list", name="Uploads from this page").get_by_role("listitem")
    expect(on_its_way).to_contain_text("spine.zip")
    expect(on_its_way).to_contain_text(re.compile(r"0 of 1 files, [\d.]+ MB of [\d.]+ MB"))
    expect(on_its_way.get_by_role("progressbar", name="Sending spine.zip")).to_be_visible()

    came = delivery(page, "spine.zip")
    expect(came).to_contain_text("Sagittal stack built", timeout=IMPORTED)
    expect(came).to_contain_text("Vertebra mask")
    expect(on_its_way).to_have_count(0)
    expect(came.get_by_role("row").filter(has_text="Sagittal stack built")).to_contain_text("66")
    batch = application.one("SELECT * FROM labeling_intakebatch WHERE name = 'spine.zip'")
    assert (batch["state"], batch["source"]) == ("done", "upload")
    outcomes = application.sql("SELECT outcome, case_id FROM labeling_series WHERE batch_id = %s", batch["id"])
    assert {row["outcome"] for row in outcomes} == {"derived", "mask"}
    (case,) = {row["case_id"] for row in outcomes}
    assert list(Record(application).bodies(case)) == ["L1", "L2", "L3", "L4"]

    came.get_by_role("link", name="Open").click()
    expect(page.get_by_role("button", name="Read this case")).to_be_visible()
    assert "ZIP-1" not in page.content()


def test_a_folder_with_good_and_bad_series_says_of_each_what_became_of_it(
    application: Application, person: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "monday"
    phantoms.sagittal_dicom(folder / "good", patient_id="FOLDER-1", seed=502, transfer_syntax=JPEG_LS)
    gaps = phantoms.dicom(folder / "gaps", patient_id="FOLDER-2", seed=503, attributes={"SeriesNumber": 3})
    for path in gaps[40:45]:
        path.unlink()
    (folder / "letter.txt").write_text("Nothing of the patient.")
    (folder / "empty.dcm").write_bytes(b"")
    page = intake(person("engineer"))
    choose(page, "Choose a folder", folder)
    came = delivery(page, "monday")
    expect(came).to_contain_text("Reading series", timeout=IMPORTED)
    refused = came.get_by_role("row").filter(has_text="Slices are missing.")
    expect(refused).to_contain_text("Refused")
    expect(refused).to_contain_text("Positions jump from 178.0 to 190.0 mm after image 40. Send the series again.")
    expect(came).to_contain_text("The file is not DICOM, whatever its name says. It was left out.")
    expect(came).to_contain_text("The file is empty (0 bytes). Send it again.")
    rows = application.sql(
        "SELECT s.outcome, s.code FROM labeling_series s JOIN labeling_intakebatch b ON b.id = s.batch_id"
        " WHERE b.name = 'monday'"
    )
    assert ("reading", "") in {(row["outcome"], row["code"]) for row in rows}
    assert ("refused", "missing-slices") in {(row["outcome"], row["code"]) for row in rows}

    page.get_by_role("navigation", name="Filter").get_by_role("link", name="With refusals").click()
    expect(delivery(page, "monday")).to_contain_text("Slices are missing.")


def test_several_deliveries_at_once_all_come_in(application: Application, person: Person, tmp_path: Path) -> None:
    page = intake(person("engineer"))
    names = [f"several{n}.zip" for n in range(3)]
    for n, name in enumerate(names):
        files = phantoms.sagittal_dicom(tmp_path / name[:-4], patient_id=f"SEVERAL-{n}", seed=510 + n)
        choose(page, "Choose files", phantoms.zipped(tmp_path / name, files))
    for name in names:
        expect(delivery(page, name)).to_contain_text("Reading series", timeout=IMPORTED)
    rows = application.sql("SELECT state FROM labeling_intakebatch WHERE name LIKE 'several%%'")
    assert [row["state"] for row in rows] == ["done"] * 3


def test_the_same_examination_sent_twice_makes_one_case_and_the_page_says_so(
    application: Application, person: Person, tmp_path: Path
) -> None:
    files = phantoms.sagittal_dicom(tmp_path / "in", patient_id="TWICE-1", seed=520)
    case = application.bring_in(files)
    page = intake(person("engineer"))
    choose(page, "Choose files", phantoms.zipped(tmp_path / "twice.zip", files))
    expect(delivery(page, "twice.zip")).to_contain_text("Seen before", timeout=IMPORTED)
    cases = application.sql(
        "SELECT DISTINCT s.case_id FROM labeling_series s JOIN labeling_intakebatch b ON b.id = s.batch_id"
        " WHERE b.name = 'twice.zip' AND s.case_id IS NOT NULL"
    )
    assert [row["case_id"] for row in cases] in ([], [case["id"]])


def test_a_delivery_waits_while_the_worker_is_gone_and_comes_in_when_it_is_back(
    application: Application, person: Person, tmp_path: Path
) -> None:
    files = phantoms.sagittal_dicom(tmp_path / "in", patient_id="WAIT-1", seed=530)
    page = intake(person("engineer"))
    application.kill_worker()
    try:
        choose(page, "Choose files", phantoms.zipped(tmp_path / "waiting.zip", files))
        came = delivery(page, "waiting.zip")
        expect(came.get_by_role("progressbar")).to_be_visible()
        expect(came.get_by_role("button", name="Stop")).to_be_visible()
        waiting = application.one("SELECT state FROM labeling_intakebatch WHERE name = 'waiting.zip'")
        assert waiting["state"] == "queued"
    finally:
        application.start_worker()
    expect(came).to_contain_text("Reading series", timeout=IMPORTED)


def test_a_case_without_vertebrae_gets_them_from_a_mask_in_any_orientation(
    application: Application, person: Person, new_case: NewCase, tmp_path: Path
) -> None:
    case = new_case(masked=False)
    page = person("lead")
    page.goto(f"/cases/{case['id']}")
    expect(page.get_by_role("main")).to_contain_text("No vertebrae yet: place them by hand")
    mask = phantoms.nifti(tmp_path / "any.nii.gz", phantoms.MASK, orientation="PIR")
    choose(page, "Add a vertebra mask", mask)
    anatomy = page.get_by_role("region", name="Anatomy")
    expect(anatomy.get_by_role("row").filter(has_text="L1–L4")).to_be_visible(timeout=IMPORTED)
    assert list(Record(application).bodies(case["id"])) == ["L1", "L2", "L3", "L4"]


def test_a_mask_of_another_place_is_refused_beside_the_button(
    application: Application, people: People, person: Person, new_case: NewCase, tmp_path: Path
) -> None:
    case = new_case()
    page = person("engineer")
    page.goto(f"/cases/{case['id']}")
    far = phantoms.nifti(tmp_path / "far.nii.gz", phantoms.MASK, shift=(0, 0, 900))
    choose(page, "Add a vertebra mask", far)
    said = page.get_by_role("region", name="Anatomy").get_by_role("status")
    expect(said).not_to_contain_text(re.compile("Sending|Placing|A NIfTI file"), timeout=IMPORTED)
    expect(said).to_contain_text(re.compile("mask", re.IGNORECASE))
    versions = application.sql("SELECT n FROM labeling_anatomy WHERE case_id = %s", case["id"])
    assert [row["n"] for row in versions] == [1]


def test_a_nifti_ct_with_its_mask_becomes_a_case_under_the_patient_that_was_typed(
    application: Application, person: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "nifti"
    ct = phantoms.nifti(folder / "ct.nii.gz", phantoms.hounsfield(540).astype(np.float32), orientation="RAS")
    mask = phantoms.nifti(folder / "vertebrae.nii.gz", phantoms.MASK)
    page = intake(person("resident"))
    page.get_by_label("Patient, for files without one").fill("study 7")
    choose(page, "Choose files", [ct, mask])
    came = delivery(page, "2 files")
    expect(came).to_contain_text("Sagittal stack built", timeout=IMPORTED)
    expect(came).to_contain_text("Vertebra mask")
    assert "study 7" not in delivery(page, "2 files").inner_text()
