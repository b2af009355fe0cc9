"""The pages people open. Names are used by the navigation and by the permission table."""

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import path

from labeling.pages import account, anatomy, cases, identity, intake, labels, room, session, worklist

urlpatterns = [
    path("", worklist.home, name="home"),
    path("login", session.Login.as_view(), name="login"),
    path("logout", auth.LogoutView.as_view(), name="logout"),
    path("worklist", worklist.worklist_page, name="worklist"),
    path("cases", cases.cases_page, name="cases"),
    path("cases/<int:case_id>", cases.case_page, name="case"),
    path("cases/<int:case_id>/anatomy", anatomy.anatomy_page, name="anatomy-check"),
    path("anatomy/next", anatomy.next_unchecked, name="anatomy-next"),
    path("cases/<int:case_id>/read", worklist.open_case, name="open-case"),
    path("cases/<int:case_id>/report", cases.case_report, name="case-report"),
    path("cases/<int:case_id>/identity", identity.identity_page, name="identity"),
    path("read/<int:read_id>", room.room_page, name="room"),
    path("intake", intake.intake_page, name="intake"),
    path("intake/batches", intake.batches_partial, name="intake-batches"),
    path("labels", labels.labels_page, name="labels"),
    path("account", account.account_page, name="account"),
    path("healthz", login_not_required(session.healthz), name="healthz"),
]
