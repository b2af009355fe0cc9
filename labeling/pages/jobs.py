"""The jobs page and one job: what runs, what waits and why, how it ended. For those who oversee."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from labeling.imaging.refusal import Refusal
from labeling.models import Job, JobState
from labeling.pages.curves import charts
from labeling.pages.job_rows import ENDED, KIND_WORDS, JobRow, kind_words, rows_of
from labeling.pages.person import person
from labeling.reading.jobs import cancel_job, start_again, visible_jobs
from labeling.reading.roles import may_see_all_cases

ENDED_PER_PAGE = 50
#: More than this at once waiting or running is counted, not listed.
OPEN_SHOWN = 200

#: name of a tab -> (title, states)
_STATES: dict[str, tuple[str, tuple[JobState, ...]]] = {
    "all": ("All", tuple(JobState)),
    "running": ("Running", (JobState.RUNNING,)),
    "waiting": ("Waiting", (JobState.QUEUED,)),
    "failed": ("Failed", (JobState.FAILED,)),
    "done": ("Done", (JobState.DONE,)),
    "cancelled": ("Cancelled", (JobState.CANCELLED,)),
}


def overseer(request: HttpRequest) -> User:
    """The person, where they oversee; 403 for everybody else."""
    user = person(request)
    if not may_see_all_cases(user):
        raise PermissionDenied
    return user


def _with_relations(jobs: QuerySet[Job]) -> QuerySet[Job]:
    # Curves and log are large, and no list shows them.
    return jobs.defer("curves", "log_tail", "params")


def _context(request: HttpRequest) -> dict[str, Any]:
    user = overseer(request)
    jobs = visible_jobs(user)
    state = request.GET.get("state", "all")
    state = state if state in _STATES else "all"
    kind = request.GET.get("kind", "")
    kind = kind if kind in KIND_WORDS else ""
    search = request.GET.get("case", "").replace("\x00", "").strip()[:64]

    found = jobs.filter(case__patient__pseudonym__icontains=search) if search else jobs
    of_kind = found.filter(kind=kind) if kind else found
    counts = dict(of_kind.order_by().values_list("state").annotate(n=Count("pk")))
    states = _STATES[state][1]
    shown = _with_relations(of_kind)
    wanted = shown.filter(state__in=states)
    running = wanted.filter(state=JobState.RUNNING).order_by("started_at", "pk")
    waiting = wanted.filter(state=JobState.QUEUED).order_by("created_at", "pk")
    ended = wanted.filter(state__in=ENDED).order_by("-finished_at", "-pk")
    page = Paginator(ended, ENDED_PER_PAGE).get_page(request.GET.get("page"))
    groups = [
        ("Running", rows_of(running[:OPEN_SHOWN], user), counts.get(JobState.RUNNING, 0)),
        ("Waiting", rows_of(waiting[:OPEN_SHOWN], user), counts.get(JobState.QUEUED, 0)),
        ("Ended", rows_of(page, user), page.paginator.count),
    ]
    kept = {"kind": kind, "case": search}
    return {
        "groups": [(title, rows, count, count - len(rows)) for title, rows, count in groups if rows],
        "tabs": [
            (name, title, sum(counts.get(each, 0) for each in those), _query(state=name, **kept))
            for name, (title, those) in _STATES.items()
        ],
        "kinds": [("", "All kinds", _query(state=state, case=search))]
        + [(name, kind_words(name), _query(state=state, kind=name, case=search)) for name in _kinds_there(found)],
        "state": state,
        "kind": kind,
        "search": search,
        "page": page,
        "older": _query(state=state, page=str(page.number + 1), **kept),
        "newer": _query(state=state, page=str(page.number - 1), **kept),
        "live_query": _query(state=state, page=str(page.number), **kept),
        "unfiltered": state == "all" and not kind and not search,
        "active": any(rows for title, rows, _ in groups if title != "Ended"),
        "summary": _summary(counts),
    }


def _kinds_there(found: QuerySet[Job]) -> list[str]:
    there = set(found.order_by().values_list("kind", flat=True).distinct())
    return [kind for kind in KIND_WORDS if kind in there]


def _query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value and (name, value) != ("state", "all")})


def _summary(counts: dict[str, int]) -> str:
    """'2 running, 12 waiting', or that nothing is."""
    words = [
        f"{counts[state]} {word}"
        for state, word in (("running", "running"), ("queued", "waiting"))
        if counts.get(state)
    ]
    return ", ".join(words) or "Nothing runs or waits"


@require_GET
@never_cache
def jobs_page(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/jobs.html", _context(request))


@require_GET
@never_cache
def jobs_partial(request: HttpRequest) -> HttpResponse:
    """The table alone, asked for again while something runs."""
    return render(request, "pages/_jobs.html", _context(request))


def _job_context(request: HttpRequest, job_id: int) -> dict[str, Any]:
    user = overseer(request)
    job = get_object_or_404(visible_jobs(user), pk=job_id)
    row = JobRow.of(job, user)
    return {
        "row": row,
        "job": job,
        "charts": charts(job.curves),
        "log": job.log_tail.strip("\n") if row.shows_log else "",
        "active": row.is_open,
    }


@require_GET
@never_cache
def job_page(request: HttpRequest, job_id: int) -> HttpResponse:
    return render(request, "pages/job.html", _job_context(request, job_id))


@require_GET
@never_cache
def job_partial(request: HttpRequest, job_id: int) -> HttpResponse:
    """All of a job that changes while it works."""
    return render(request, "pages/_job.html", _job_context(request, job_id))


@require_POST
def cancel_page(request: HttpRequest, job_id: int) -> HttpResponse:
    return _act(request, job_id, cancel_job, "cancelled")


@require_POST
def again_page(request: HttpRequest, job_id: int) -> HttpResponse:
    return _act(request, job_id, start_again, "started again")


def _act(request: HttpRequest, job_id: int, act: Callable[[User, int], Job], words: str) -> HttpResponse:
    user = overseer(request)
    job = get_object_or_404(visible_jobs(user), pk=job_id)
    try:
        messages.success(request, f"{JobRow.of(act(user, job_id), user).title}: {words}.")
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return _back(request, job)


def _back(request: HttpRequest, job: Job) -> HttpResponse:
    """Where the button was, else the page of the job."""
    here = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(here, allowed_hosts=None) and here.startswith("/"):
        return redirect(here)
    return redirect("job", job_id=job.pk)
