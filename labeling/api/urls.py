"""The JSON API. Contract: docs/architecture.md; described for programs at /api/schema/."""

from django.urls import path

from labeling.api.anatomies import AnatomiesView, CaseAnatomyView
from labeling.api.batches import BatchesView, BatchFilesView, BatchView, FinishView, StopView
from labeling.api.consensus import (
    AnswerView,
    ConsensusLockView,
    ConsensusView,
    CorrectView,
    MembersView,
    PanelReportView,
    QuestionsView,
    SettleView,
    ShiftView,
    UnsettleView,
)
from labeling.api.consensus_list import ConsensusListView, OpenConsensusView
from labeling.api.exports import FindingsExportView, LabelsExportView
from labeling.api.jobs import AgainView, CancelView, JobsView, JobView
from labeling.api.leases import ReleaseView, WriterView
from labeling.api.me import MeView, PreferencesView
from labeling.api.models import ModelUploadView
from labeling.api.nowhere import NowhereView
from labeling.api.outlines import OutlinesView
from labeling.api.planes import AxialPlaneView, CoronalPlaneView, PriorSliceView
from labeling.api.protocol import ProtocolView
from labeling.api.reads import GapsView, LockView, OpenCaseView, OperationsView, ReopenView, RoomView, SeenView
from labeling.api.schema import SchemaView, docs
from labeling.api.worklist import AheadView, SkipView, WorklistView

urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("me/preferences", PreferencesView.as_view(), name="preferences"),
    path("worklist", WorklistView.as_view(), name="api-worklist"),
    path("worklist/next", AheadView.as_view(), name="ahead"),
    path("cases/<int:case_id>/open", OpenCaseView.as_view(), name="api-open-case"),
    path("cases/<int:case_id>/skip", SkipView.as_view(), name="skip"),
    path("reads/<int:read_id>/room", RoomView.as_view(), name="api-room"),
    path("reads/<int:read_id>/operations", OperationsView.as_view(), name="operations"),
    path("reads/<int:read_id>/seen", SeenView.as_view(), name="seen"),
    path("reads/<int:read_id>/gaps", GapsView.as_view(), name="gaps"),
    path("reads/<int:read_id>/lock", LockView.as_view(), name="lock"),
    path("reads/<int:read_id>/reopen", ReopenView.as_view(), name="reopen"),
    path("reads/<int:read_id>/writer", WriterView.as_view(), name="writer"),
    path("reads/<int:read_id>/writer/release", ReleaseView.as_view(), name="writer-release"),
    path("reads/<int:read_id>/planes/axial", AxialPlaneView.as_view(), name="axial-plane"),
    path("reads/<int:read_id>/planes/coronal", CoronalPlaneView.as_view(), name="coronal-plane"),
    path("reads/<int:read_id>/priors/<int:prior_id>/slice", PriorSliceView.as_view(), name="prior-slice"),
    path("consensus", ConsensusListView.as_view(), name="api-consensus-list"),
    path("consensus/open/<int:round_id>/<int:case_id>", OpenConsensusView.as_view(), name="api-open-consensus"),
    path("consensus/<int:read_id>", ConsensusView.as_view(), name="api-consensus"),
    path("consensus/<int:read_id>/settle", SettleView.as_view(), name="consensus-settle"),
    path("consensus/<int:read_id>/unsettle", UnsettleView.as_view(), name="consensus-unsettle"),
    path("consensus/<int:read_id>/members", MembersView.as_view(), name="consensus-members"),
    path("consensus/<int:read_id>/shift", ShiftView.as_view(), name="consensus-shift"),
    path("consensus/<int:read_id>/questions", QuestionsView.as_view(), name="consensus-questions"),
    path("consensus/<int:read_id>/report", PanelReportView.as_view(), name="consensus-report"),
    path("consensus/<int:read_id>/lock", ConsensusLockView.as_view(), name="consensus-lock"),
    path("consensus/<int:read_id>/correct", CorrectView.as_view(), name="consensus-correct"),
    path("questions/<int:question_id>/answer", AnswerView.as_view(), name="question-answer"),
    path("cases/<int:case_id>/anatomy", CaseAnatomyView.as_view(), name="api-anatomy"),
    path("cases/<int:case_id>/anatomies", AnatomiesView.as_view(), name="api-anatomies"),
    path("anatomies/<int:anatomy_id>/outlines", OutlinesView.as_view(), name="outlines"),
    path("exports/labels", LabelsExportView.as_view(), name="export-labels"),
    path("exports/findings", FindingsExportView.as_view(), name="export-findings"),
    path("jobs", JobsView.as_view(), name="api-jobs"),
    path("jobs/<int:job_id>", JobView.as_view(), name="api-job"),
    path("jobs/<int:job_id>/cancel", CancelView.as_view(), name="api-job-cancel"),
    path("jobs/<int:job_id>/again", AgainView.as_view(), name="api-job-again"),
    path("models", ModelUploadView.as_view(), name="model-upload"),
    path("intake/batches", BatchesView.as_view(), name="batches"),
    path("intake/batches/<uuid:batch>", BatchView.as_view(), name="batch"),
    path("intake/batches/<uuid:batch>/files", BatchFilesView.as_view(), name="batch-files"),
    path("intake/batches/<uuid:batch>/finish", FinishView.as_view(), name="batch-finish"),
    path("intake/batches/<uuid:batch>/stop", StopView.as_view(), name="batch-stop"),
    path("rounds/<int:round_id>/protocol", ProtocolView.as_view(), name="api-round-protocol"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs", docs, name="docs"),
    path("<path:rest>", NowhereView.as_view(), name="api-nowhere"),
]
