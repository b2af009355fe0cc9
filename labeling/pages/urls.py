"""The pages people open. Names are used by the navigation and by the permission table."""

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import path

from labeling.pages import (
    account,
    anatomy,
    cases,
    identity,
    intake,
    jobs,
    labels,
    models,
    room,
    session,
    vertebrae,
    worklist,
)

urlpatterns = [
    path("", worklist.home, name="home"),
    path("login", session.Login.as_view(), name="login"),
    path("logout", auth.LogoutView.as_view(), name="logout"),
    path("worklist", worklist.worklist_page, name="worklist"),
    path("cases", cases.cases_page, name="cases"),
    path("cases/segment", vertebrae.segment_all, name="cases-segment"),
    path("cases/<int:case_id>", cases.case_page, name="case"),
    path("cases/<int:case_id>/vertebrae", vertebrae.case_vertebrae, name="case-vertebrae"),
    path("cases/<int:case_id>/segment", vertebrae.segment_case, name="case-segment"),
    path("cases/<int:case_id>/anatomy", anatomy.anatomy_page, name="anatomy-check"),
    path("anatomy/next", anatomy.next_unchecked, name="anatomy-next"),
    path("cases/<int:case_id>/read", worklist.open_case, name="open-case"),
    path("cases/<int:case_id>/report", cases.case_report, name="case-report"),
    path("cases/<int:case_id>/identity", identity.identity_page, name="identity"),
    path("read/<int:read_id>", room.room_page, name="room"),
    path("intake", intake.intake_page, name="intake"),
    path("intake/batches", intake.batches_partial, name="intake-batches"),
    path("labels", labels.labels_page, name="labels"),
    path("models", models.models_page, name="models"),
    path("models/import", models.import_page, name="model-import"),
    path("models/train", models.train_page, name="model-train"),
    path("models/<int:model_id>", models.model_page, name="model"),
    path("models/<int:model_id>/activate", models.activate_model, name="model-activate"),
    path("models/<int:model_id>/retire", models.retire_model, name="model-retire"),
    path("jobs", jobs.jobs_page, name="jobs"),
    path("jobs/table", jobs.jobs_partial, name="jobs-table"),
    path("jobs/<int:job_id>", jobs.job_page, name="job"),
    path("jobs/<int:job_id>/now", jobs.job_partial, name="job-now"),
    path("jobs/<int:job_id>/cancel", jobs.cancel_page, name="job-cancel"),
    path("jobs/<int:job_id>/again", jobs.again_page, name="job-again"),
    path("account", account.account_page, name="account"),
    path("healthz", login_not_required(session.healthz), name="healthz"),
]
