"""DICOMweb as its clients see it: dicomweb-client against a running server, pixels held against the pack."""

import hashlib
import io
from typing import Any

import numpy as np
import pytest
import requests
from dicomweb_client import DICOMwebClient
from django.contrib.auth.models import User
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless

from labeling.imaging.codec import decode
from labeling.models import Case, Slice, Stack
from tests import factories
from tests.api.conftest import with_token

pytestmark = pytest.mark.django_db(transaction=True)

JPEG_LS = str(JPEGLSLossless)
RAW = str(ExplicitVRLittleEndian)


@pytest.fixture
def lead(transactional_db: None) -> User:
    return factories.make_user("lead")


@pytest.fixture(params=[False, True], ids=["unsigned", "signed"])
def case(request: pytest.FixtureRequest, transactional_db: None) -> Case:
    case = factories.make_bare_case(age=90)
    case.reading_stack = factories.make_stack(case, signed=request.param, origin="derived")
    case.save()
    return case


@pytest.fixture
def stack(case: Case) -> Stack:
    assert case.reading_stack is not None
    return case.reading_stack


@pytest.fixture
def client(lead: User, live_server: Any) -> DICOMwebClient:
    return DICOMwebClient(f"{live_server.url}/dicomweb", headers=with_token(lead))


def expected(stack: Stack, k: int) -> NDArray[Any]:
    """The pixels that `factories.make_stack` put into slice k."""
    ramp = np.add.outer(np.arange(stack.rows), np.arange(stack.columns)).astype(np.uint16) + np.uint16(k)
    return ramp.view(np.int16) if stack.signed else ramp


def test_a_client_lists_studies_series_and_instances(client: DICOMwebClient, case: Case, stack: Stack) -> None:
    factories.make_case()
    (study,) = client.search_for_studies(search_filters={"PatientID": case.patient.pseudonym})
    said = Dataset.from_json(study)
    assert (said.StudyInstanceUID, said.PatientID, said.PatientAge) == (case.study_uid, case.patient.pseudonym, "090Y")
    assert (said.ModalitiesInStudy, said.NumberOfStudyRelatedSeries, said.NumberOfStudyRelatedInstances) == (
        "CT",
        1,
        12,
    )
    (series,) = client.search_for_series(case.study_uid)
    assert Dataset.from_json(series).SeriesInstanceUID == stack.series_uid
    instances = client.search_for_instances(case.study_uid, stack.series_uid)
    assert [Dataset.from_json(one).InstanceNumber for one in instances] == list(range(1, 13))


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"ModalitiesInStudy": "CT"}, 3),
        ({"ModalitiesInStudy": "MR"}, 0),
        ({"00080061": "CT"}, 3),
        ({"PatientID": "nobody"}, 0),
        ({"PatientID": "P*"}, 3),
        ({"PatientID": "P.*"}, 0),
        ({"StudyInstanceUID": "1.2.3"}, 0),
    ],
)
def test_a_search_keeps_to_its_filters(lead: User, client: DICOMwebClient, filters: dict[str, str], count: int) -> None:
    for _ in range(3):
        factories.make_case()
    assert len(client.search_for_studies(search_filters=filters)) == count


def test_a_search_is_paged_and_says_what_it_did_not_match(lead: User, live_server: Any) -> None:
    cases = [factories.make_case() for _ in range(4)]
    url, headers = f"{live_server.url}/dicomweb/studies", with_token(lead)
    page = requests.get(url, {"limit": "2", "offset": "1", "includefield": "all"}, headers=headers, timeout=10)
    assert [one["0020000D"]["Value"][0] for one in page.json()] == [case.study_uid for case in cases[1:3]]
    assert "Warning" not in page.headers
    other = requests.get(url, {"StudyDescription": "SPINE"}, headers=headers, timeout=10)
    assert "StudyDescription" in other.headers["Warning"]
    wrong = requests.get(url, {"limit": "many"}, headers=headers, timeout=10)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "bad_input")


def test_metadata_are_those_of_a_ct_image(client: DICOMwebClient, case: Case, stack: Stack) -> None:
    objects = [Dataset.from_json(one) for one in client.retrieve_series_metadata(case.study_uid, stack.series_uid)]
    first = objects[0]
    assert first.SOPClassUID == CTImageStorage
    assert list(first.ImageType) == ["DERIVED", "SECONDARY", "MPR"]
    assert (first.Rows, first.Columns, first.BitsAllocated, first.BitsStored, first.HighBit) == (24, 16, 16, 16, 15)
    assert first.PixelRepresentation == int(stack.signed)
    assert list(first.ImageOrientationPatient) == [0, 1, 0, 0, 0, -1]
    assert list(first.PixelSpacing) == [0.5, 0.5]
    assert (first.SliceThickness, first.SpacingBetweenSlices) == (3, 3)
    assert (first.RescaleSlope, first.RescaleIntercept) == (1, -1024)
    assert (first.WindowCenter, first.WindowWidth) == (400, 1800)
    assert first.FrameOfReferenceUID == stack.frame_of_reference
    assert first.PatientIdentityRemoved == "YES"
    assert list(first.AvailableTransferSyntaxUID) == [JPEG_LS, RAW]
    assert [list(one.ImagePositionPatient) for one in objects] == [[-18 + 3 * k, 0, 0] for k in range(12)]
    dates = [one for one in first if one.VR in {"DA", "DT", "TM"} and one.value]
    assert dates == []
    one = client.retrieve_instance_metadata(case.study_uid, stack.series_uid, objects[4].SOPInstanceUID)
    assert one == client.retrieve_study_metadata(case.study_uid)[4]


@pytest.mark.parametrize("media_types", [None, (("application/octet-stream", RAW),), (("image/jls", JPEG_LS),)])
def test_frames_are_the_pack_bit_for_bit(client: DICOMwebClient, case: Case, stack: Stack, media_types: Any) -> None:
    for one in Slice.objects.filter(stack=stack):
        (frame,) = client.retrieve_instance_frames(
            case.study_uid, stack.series_uid, one.sop_uid, [1], media_types=media_types
        )
        if media_types is not None and media_types[0][0] == "image/jls":
            pixels = decode(frame, signed=stack.signed)
        else:
            pixels = np.frombuffer(frame, "<i2" if stack.signed else "<u2").reshape(stack.rows, stack.columns)
        assert np.array_equal(pixels, expected(stack, one.k))
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == one.pixel_sha256


@pytest.mark.parametrize("syntax", [JPEG_LS, RAW])
def test_instances_are_dicom_files_with_the_pixels_of_the_pack(
    client: DICOMwebClient, case: Case, stack: Stack, syntax: str
) -> None:
    kinds = (("application/dicom", syntax),)
    files = client.retrieve_series(case.study_uid, stack.series_uid, media_types=kinds)
    assert len(files) == 12
    for k, file in enumerate(files):
        assert file.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(file.pixel_array, expected(stack, k))
    one = client.retrieve_instance(case.study_uid, stack.series_uid, files[3].SOPInstanceUID, media_types=kinds)
    assert one == files[3]


def test_a_bare_instance_is_a_file(lead: User, live_server: Any, case: Case, stack: Stack) -> None:
    url = f"{live_server.url}/dicomweb/studies/{case.study_uid}/series/{stack.series_uid}/instances"
    answer = requests.get(
        f"{url}/{stack.series_uid}.1", headers={**with_token(lead), "Accept": "application/dicom"}, timeout=10
    )
    assert answer.headers["Content-Type"] == f"application/dicom; transfer-syntax={RAW}"
    assert np.array_equal(dcmread(io.BytesIO(answer.content)).pixel_array, expected(stack, 0))


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (
            f"application/octet-stream; transfer-syntax={JPEG_LS}",
            f"application/octet-stream; transfer-syntax={JPEG_LS}",
        ),
        ("application/octet-stream", f"application/octet-stream; transfer-syntax={RAW}"),
        ("image/jls", f"image/jls; transfer-syntax={JPEG_LS}"),
        ("image/jp2;q=0.9, image/jls;q=0.5", f"image/jls; transfer-syntax={JPEG_LS}"),
        ('multipart/related; type="application/octet-stream"', "multipart/related"),
        ('multipart/related; type="application/octet-stream"; transfer-syntax=*', f"transfer-syntax={JPEG_LS}"),
        ("*/*", f"transfer-syntax={RAW}"),
    ],
)
def test_a_frame_comes_as_it_was_asked_for(
    lead: User, live_server: Any, case: Case, stack: Stack, accept: str, kind: str
) -> None:
    answer = requests.get(
        frame_url(live_server, case, stack), headers={**with_token(lead), "Accept": accept}, timeout=10
    )
    assert answer.status_code == 200
    assert kind in answer.headers["Content-Type"]
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert {"Accept", "Cookie"} <= {word.strip() for word in answer.headers["Vary"].split(",")}
    again = requests.get(
        frame_url(live_server, case, stack),
        headers={**with_token(lead), "Accept": accept, "If-None-Match": answer.headers["ETag"]},
        timeout=10,
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "accept",
    [
        "image/jp2",
        'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90',
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.202",
        f"image/jls; transfer-syntax={RAW}",
        "text/html",
        "image/jls;q=0",
    ],
)
def test_what_is_not_on_offer_is_refused_with_what_is(
    lead: User, live_server: Any, case: Case, stack: Stack, accept: str
) -> None:
    answer = requests.get(
        frame_url(live_server, case, stack), headers={**with_token(lead), "Accept": accept}, timeout=10
    )
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert "JPEG-LS" in answer.json()["sentence"]


def test_what_does_not_belong_together_is_not_found(lead: User, live_server: Any, case: Case, stack: Stack) -> None:
    other = factories.make_case()
    headers = with_token(lead)
    base = f"{live_server.url}/dicomweb/studies"
    for url in (
        f"{base}/{other.study_uid}/series/{stack.series_uid}/instances/{stack.series_uid}.1/frames/1",
        f"{base}/{case.study_uid}/series/{stack.series_uid}/instances/1.2.3/frames/1",
        f"{base}/{case.study_uid}/series/{stack.series_uid}/instances/{stack.series_uid}.1/frames/2",
        f"{base}/{case.study_uid}/series/{stack.series_uid}/instances/../../frames/1",
        f"{base}/{case.study_uid}/series/1.2.3/metadata",
        f"{base}/1.2.3/metadata",
        f"{base}/1.2.3",
    ):
        answer = requests.get(url, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), url


def test_a_missing_pack_is_an_error_with_a_sentence(
    lead: User, live_server: Any, case: Case, stack: Stack, settings: Any
) -> None:
    (settings.MEDIA_ROOT / stack.pack).unlink()
    answer = requests.get(frame_url(live_server, case, stack), headers=with_token(lead), timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (500, "missing_pack")
    assert "Import the case again" in answer.json()["sentence"]


def test_a_resident_finds_only_cases_that_are_theirs(live_server: Any) -> None:
    resident = factories.make_user("resident")
    hidden, pooled = factories.make_case(), factories.make_case()
    factories.make_assignment(pooled)
    client = DICOMwebClient(f"{live_server.url}/dicomweb", headers=with_token(resident))
    assert [one["0020000D"]["Value"][0] for one in client.search_for_studies()] == [pooled.study_uid]
    assert {one["0020000D"]["Value"][0] for one in client.search_for_instances()} == {pooled.study_uid}
    assert hidden.reading_stack is not None
    with pytest.raises(requests.HTTPError):
        client.retrieve_series_metadata(hidden.study_uid, hidden.reading_stack.series_uid)


def frame_url(live_server: Any, case: Case, stack: Stack) -> str:
    path = f"/dicomweb/studies/{case.study_uid}/series/{stack.series_uid}/instances/{stack.series_uid}.1/frames/1"
    return f"{live_server.url}{path}"


@pytest.mark.parametrize("query", ["PatientID=%00", "PatientID=*%00", "StudyInstanceUID=1%00", "SOPInstanceUID=%00"])
def test_a_search_with_a_zero_byte_is_refused_and_no_error(lead: User, live_server: Any, query: str) -> None:
    for what in ("studies", "series", "instances"):
        answer = requests.get(f"{live_server.url}/dicomweb/{what}?{query}", headers=with_token(lead), timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_input")
