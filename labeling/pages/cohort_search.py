"""Reports come in by a form, and the search for candidates is asked for and watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.files.uploadhandler import MemoryFileUploadHandler, TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from labeling.cohort.crawl import ask_crawl, uncrawled
from labeling.cohort.reports import Received, receive
from labeling.imaging.refusal import Refusal
from labeling.models import StudyReport
from labeling.pages.cohort_frame import cohort_page, may_look
from labeling.pages.job_rows import JobRow
from labeling.reading.jobs import visible_jobs

__all__ = ["MOST", "SearchShown", "new_page", "search_page", "search_shown"]

#: Of one sending: some twenty thousand reports of an ordinary length.
MOST = 64 * 1024**2
_TOO_LARGE = f"These files have more than {MOST // 1024**2} MB together. Send fewer at a time, or a zip of them."
_PROBLEMS_SHOWN = 200


@dataclass(frozen=True)
class SearchShown:
    """The search as it stands: its last job, how many reports it has left, how many there are and are proposed."""

    row: JobRow | None
    left: int
    reports: int
    proposed: int

    @property
    def is_busy(self) -> bool:
        return self.row is not None and self.row.is_open

    @property
    def has_failed(self) -> bool:
        return self.row is not None and self.row.job.state == "failed"


def search_shown(user: User) -> SearchShown:
    """The search for whoever may look at the cohort."""
    job = visible_jobs(user).filter(kind="crawl").order_by("-created_at", "-pk").first()
    reports = StudyReport.objects.all()
    return SearchShown(
        None if job is None else JobRow.of(job, user),
        uncrawled(),
        reports.count(),
        reports.filter(found__counts=True).count(),
    )


@require_http_methods(["GET", "POST"])
@never_cache
def search_page(request: HttpRequest) -> HttpResponse:
    """GET is the block alone, asked for again while the search runs; POST asks for a search."""
    user = may_look(request)
    if request.method == "GET":
        return render(request, "cohort/_search.html", {"search": search_shown(user)})
    job = ask_crawl(user)
    if job is None:
        messages.success(request, "There is nothing to search: the current rules have searched every report.")
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = reverse("cohort-reports")
    return redirect(back)


# Forms take no files, for Django would read one before it knows who sent it. This one does, once the person is known:
# its token is looked at by the view within.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@never_cache
def new_page(request: HttpRequest) -> HttpResponse:
    """The form, and what became of the files that it sent."""
    user = may_look(request)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MOST + 64 * 1024:
        return _page(request, user, refused=_TOO_LARGE, status=413)
    if request.content_type == "multipart/form-data":
        request.upload_handlers = [MemoryFileUploadHandler(request), TemporaryFileUploadHandler(request)]
    return _answer(request, user)


@csrf_protect
def _answer(request: HttpRequest, user: User) -> HttpResponse:
    if request.method != "POST":
        return _page(request, user)
    files = [(sent.name or "reports", sent.read()) for sent in request.FILES.getlist("files")]
    if not files:
        return _page(request, user, refused="No file is chosen.", status=422)
    try:
        received = receive(user, files)
        ask_crawl(user)
    except Refusal as refusal:
        return _page(request, user, refused=refusal.sentence, status=422)
    return _page(request, user, **_told(received, len(files)))


def _told(received: Received, files: int) -> dict[str, Any]:
    return {
        "received": received,
        "files": files,
        "waiting": received.new - received.matched,
        "problems": received.problems[:_PROBLEMS_SHOWN],
        "more_problems": max(0, len(received.problems) - _PROBLEMS_SHOWN),
    }


def _page(request: HttpRequest, user: User, *, status: int = 200, **context: Any) -> HttpResponse:
    values = {"most": MOST, "search": search_shown(user), **context}
    return cohort_page(request, "cohort/reports_new.html", "cohort-reports", values, status)
