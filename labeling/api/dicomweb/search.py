"""QIDO-RS (PS3.18 10.6): which studies, series and instances there are, for this person."""

import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, QuerySet, Sum
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.dicomweb import access, attributes
from labeling.api.dicomweb.attributes import DicomJson, element, joined, tag_of
from labeling.api.dicomweb.base import DicomWebView
from labeling.api.dicomweb.metadata import require_json
from labeling.api.errors import ApiError
from labeling.models import Slice, Stack

MOST_RESULTS = 5000

#: Attributes that filter -> the field of a stack they are held against.
FILTERS = {
    "PatientID": "case__patient__pseudonym",
    "StudyInstanceUID": "case__study_uid",
    "SeriesInstanceUID": "series_uid",
}
#: True of every stack here, or of none.
CONSTANTS = {"Modality": "CT", "ModalitiesInStudy": "CT"}
#: Asked for by clients, of no consequence here: all attributes there are come always.
IGNORED = {"includefield", "fuzzymatching", "format"}

_BY_TAG = {tag_of(keyword): keyword for keyword in (*FILTERS, *CONSTANTS, "SOPInstanceUID")}


class BadQuery(ApiError):
    code = "bad_input"


class Search:
    """The query of one request, read once: what is matched, how many, and what was not understood."""

    def __init__(self, request: Request, **path: str) -> None:
        self.limit = _count(request, "limit", MOST_RESULTS)
        self.offset = _count(request, "offset", 0)
        self.matches: dict[str, str] = dict(path)
        self.unknown: list[str] = []
        for name, value in request.query_params.dict().items():
            keyword = _BY_TAG.get(name.upper(), name)
            if "\0" in str(value):
                raise BadQuery(f"{keyword}: a zero byte is in no attribute.", fields={keyword: ["A zero byte."]})
            if keyword in _BY_TAG.values():
                if value and self.matches.setdefault(keyword, str(value)) != value:
                    self.matches[keyword] = ""  # a path and a parameter that contradict each other match nothing
            elif keyword not in {"limit", "offset", *IGNORED}:
                self.unknown.append(keyword)

    def stacks(self, stacks: QuerySet[Stack]) -> QuerySet[Stack]:
        """Those of the stacks that match."""
        for keyword, value in self.matches.items():
            if keyword in FILTERS:
                stacks = stacks.filter(**matched(FILTERS[keyword], value))
            elif keyword in CONSTANTS and not _fits(CONSTANTS[keyword], value):
                return stacks.none()
        return stacks

    def page(self, results: QuerySet[Any]) -> QuerySet[Any]:
        return results[self.offset : self.offset + self.limit]

    def answer(self, objects: Iterable[DicomJson]) -> Response:
        """The found objects. What was not matched is said in a Warning header, as PS3.18 8.3.4.4 wants it."""
        headers = {"Cache-Control": "private, no-cache"}
        if self.unknown:
            words = re.sub(r"[^ -~]|[\"\\]", "", ", ".join(self.unknown))[:200]
            headers["Warning"] = f'299 sagittal "These parameters are not matched: {words}"'
        return Response(list(objects), headers=headers)


def matched(field: str, value: str) -> dict[str, Any]:
    """The filter of one attribute: a list of UIDs, a text with the wildcards * and ?, or one value."""
    if field.endswith("_uid"):
        return {f"{field}__in": re.split(r"[,\\]", value)}
    if "*" in value or "?" in value:
        return {f"{field}__regex": f"^{_pattern(value)}$"}
    return {field: value}


def _pattern(value: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in value[:64])


def _fits(word: str, value: str) -> bool:
    wanted = re.split(r"[,\\]", value)
    return any(re.fullmatch(_pattern(one), word) is not None for one in wanted)


def _count(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadQuery(f"{name}: a whole number from 0 is needed.", fields={name: ["A whole number from 0 is needed."]})
    return min(int(text), MOST_RESULTS) if name == "limit" else int(text)


class StudySearchView(DicomWebView):
    """Studies: the cases that have a stack."""

    def get(self, request: Request) -> Response:
        require_json(request)
        search = Search(request)
        stacks = search.stacks(access.visible_stacks(request.user))
        cases = stacks.order_by().values("case").annotate(series=Count("pk"), images=Sum("slices_count"))
        found = {row["case"]: row for row in search.page(cases.order_by("case"))}
        one_each = Stack.objects.select_related("case__patient").filter(case__in=found).order_by("case", "pk")
        one_each = one_each.distinct("case")
        return search.answer(
            _study(request, stack, found[stack.case_id]["series"], found[stack.case_id]["images"]) for stack in one_each
        )


class SeriesSearchView(DicomWebView):
    """Series: the stacks, of one study or of all."""

    def get(self, request: Request, study_uid: str = "") -> Response:
        require_json(request)
        search = Search(request, **({"StudyInstanceUID": study_uid} if study_uid else {}))
        stacks = search.page(search.stacks(access.visible_stacks(request.user)).order_by("pk"))
        return search.answer(_series(request, stack) for stack in stacks)


class InstanceSearchView(DicomWebView):
    """Instances: the slices, of one series, of one study or of all."""

    def get(self, request: Request, study_uid: str = "", series_uid: str = "") -> Response:
        require_json(request)
        path = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series_uid}
        search = Search(request, **{keyword: uid for keyword, uid in path.items() if uid})
        slices = Slice.objects.filter(stack__in=search.stacks(access.visible_stacks(request.user)))
        if wanted := search.matches.get("SOPInstanceUID"):
            slices = slices.filter(**matched("sop_uid", wanted))
        page = list(search.page(slices.select_related("stack__case__patient").order_by("stack", "k")))
        stacks = {one.stack_id: one.stack for one in page}
        described = {key: joined([*_base(stack), *attributes.image(stack)]) for key, stack in stacks.items()}
        return search.answer(
            joined([described[one.stack_id], *attributes.of_slice(one), _retrieve(request, one)]) for one in page
        )


def _base(stack: Stack) -> list[DicomJson]:
    return [*attributes.patient_and_study(stack.case), *attributes.series(stack)]


def _study(request: Request, stack: Stack, series: int, images: int) -> DicomJson:
    return joined(
        [
            *attributes.patient_and_study(stack.case),
            element("ModalitiesInStudy", ["CT"]),
            element("NumberOfStudyRelatedSeries", [series]),
            element("NumberOfStudyRelatedInstances", [images]),
            _url(request, stack.case.study_uid),
        ]
    )


def _series(request: Request, stack: Stack) -> DicomJson:
    related = element("NumberOfSeriesRelatedInstances", [stack.slices_count])
    return joined([*_base(stack), related, _url(request, stack.case.study_uid, stack.series_uid)])


def _retrieve(request: Request, slice_: Slice) -> DicomJson:
    return _url(request, slice_.stack.case.study_uid, slice_.stack.series_uid, slice_.sop_uid)


def _url(request: Request, study_uid: str, series_uid: str = "", sop_uid: str = "") -> DicomJson:
    path = f"/dicomweb/studies/{study_uid}"
    path += f"/series/{series_uid}" if series_uid else ""
    path += f"/instances/{sop_uid}" if sop_uid else ""
    return element("RetrieveURL", [request.build_absolute_uri(path)])
