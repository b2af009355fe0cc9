"""What every page's frame needs: the person, their rooms, and the state of the inference packages."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from labeling.analysis.scope import may_see_numbers
from labeling.pages.numbers_frame import TABS
from labeling.reading.clock import days_ahead
from labeling.reading.consensus.listing import has_consensus
from labeling.reading.feedback.teaching import may_be_taught
from labeling.reading.notices import unseen_count
from labeling.reading.roles import Role, may_export, may_import, may_plan_rounds, may_read, may_see_all_cases, roles_of


@dataclass(frozen=True)
class Entry:
    title: str
    url: str
    icon: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    title: str
    entries: tuple[Entry, ...]


#: The pages behind the entries of a study: the entry stays marked on each of them.
_COHORT = (
    "cohort-cases",
    "cohort-split",
    "cohort-table",
    "cohort-reports",
    "cohort-reports-new",
    "cohort-report",
    "cohort-rules",
)
_NUMBERS = (*(name for name, _ in TABS[1:]), "numbers-cases", "numbers-ledger", "numbers-paper", "numbers-bundle")


def navigation(user: Any) -> list[Group]:
    """The rooms a person may enter, and no others: a door that would not open is not drawn."""
    data = []
    if may_import(user):
        data.append(Entry("Intake", "intake", "intake"))
    if may_see_all_cases(user):
        data.append(Entry("Cases", "cases", "folder", also=("case", "case-report", "case-report-reading", "identity")))
    if may_plan_rounds(user):
        data.append(Entry("Old reads", "read-import", "upload"))
    if may_export(user):
        data.append(Entry("Labels", "labels", "dataset"))
    models = []
    if may_see_all_cases(user):
        models.append(Entry("Models", "models", "models", also=("model", "model-import", "model-train")))
        models.append(Entry("Jobs", "jobs", "jobs", also=("job",)))
    study = []
    if may_see_all_cases(user):
        study.append(Entry("Cohort", "cohort", "flow", also=_COHORT))
    if may_see_numbers(user):
        study.append(Entry("Numbers", "numbers", "numbers", also=_NUMBERS))
    groups = []
    reading = []
    if may_read(user):
        reading.append(Entry("Worklist", "worklist", "list"))
    if has_consensus(user):
        reading.append(Entry("Consensus", "consensus-list", "scales", also=("consensus",)))
    if may_plan_rounds(user):
        reading.append(
            Entry(
                "Rounds", "rounds", "rounds", also=("round", "round-new", "round-edit", "round-protocol", "round-sums")
            )
        )
    if may_read(user):
        reading.append(Entry("Feedback", "feedback", "check", also=("feedback-case",)))
    if may_be_taught(user):
        reading.append(Entry("Teaching", "teaching", "bulb"))
    if reading:
        groups.append(Group("Reading", tuple(reading)))
    if data:
        groups.append(Group("Data", tuple(data)))
    if study:
        groups.append(Group("Study", tuple(study)))
    if models:
        groups.append(Group("Models", tuple(models)))
    return groups


def inference_chip() -> dict[str, str] | None:
    """The state of the large inference set as the launcher left it; None where nothing is worth a chip."""
    try:
        status = json.loads(settings.INFERENCE_STATUS_FILE.read_text())
        state, detail = str(status["state"]), str(status.get("detail", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    text = {
        "waiting": "Models: waiting",
        "installing": "Models: being installed",
        "failed": "Models: not installed",
        "skipped": "Models: left out",
    }.get(state)
    return {"state": state, "text": text, "detail": detail} if text else None


def shell(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"shell": {}}
    roles = roles_of(user)
    name = user.get_full_name() or user.get_username()
    return {
        "shell": {
            "navigation": navigation(user),
            "name": name,
            "initials": "".join(word[0] for word in name.split()[:2]).upper(),
            "role_text": ", ".join(role.label for role in Role if role in roles) or "No role yet",
            "inference": inference_chip(),
            # Asked only by pages that draw the bell.
            "unseen": partial(unseen_count, user),
            "days_ahead": days_ahead(),
        }
    }
