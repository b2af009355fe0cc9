"""Jobs over HTTP: what runs and what waits, how far it is; stopping one and starting it again."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.base import ApiView, person
from labeling.api.inputs import NothingIn
from labeling.api.outputs import ErrorOut
from labeling.api.shapes_jobs import JobsIn, JobsOut, JobWholeOut
from labeling.api.strict import body, query
from labeling.reading.jobs import cancel_job, facts_of, job_facts, start_again, visible_jobs

JOBS_SHOWN = 50


class JobsView(ApiView):
    """The newest jobs that this person may see; of a case, a kind or a state."""

    @extend_schema(operation_id="jobs", parameters=[JobsIn], responses={200: JobsOut, 400: ErrorOut})
    def get(self, request: Request) -> Response:
        user = person(request)
        jobs = visible_jobs(user).filter(**query(request, JobsIn)).defer("log_tail")
        return Response({"jobs": facts_of(jobs[:JOBS_SHOWN], user)})


class JobView(ApiView):
    """One job, with the end of its log."""

    @extend_schema(operation_id="job", responses={200: JobWholeOut, 404: ErrorOut})
    def get(self, request: Request, job_id: int) -> Response:
        user = person(request)
        return Response(job_facts(visible_jobs(user).get(pk=job_id), user, whole=True))


class CancelView(ApiView):
    """Stop a job. What it has stored stays."""

    @extend_schema(
        operation_id="cancel_job",
        request=NothingIn,
        responses={200: JobWholeOut, **dict.fromkeys((403, 404, 409), ErrorOut)},
    )
    def post(self, request: Request, job_id: int) -> Response:
        body(request, NothingIn)
        user = person(request)
        return Response(job_facts(cancel_job(user, job_id), user, whole=True))


class AgainView(ApiView):
    """Start a job again that failed or was stopped."""

    @extend_schema(
        operation_id="start_job_again",
        request=NothingIn,
        responses={200: JobWholeOut, **dict.fromkeys((403, 404, 409), ErrorOut)},
    )
    def post(self, request: Request, job_id: int) -> Response:
        body(request, NothingIn)
        user = person(request)
        return Response(job_facts(start_again(user, job_id), user, whole=True))
