"""The protocol record of a round as a page, to be read and printed."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from labeling.models import Round
from labeling.pages.person import person
from labeling.pages.round_rows import rules_in_words
from labeling.pages.worklist import clock_words
from labeling.reading.protocol.record import content_hash, is_partial, protocol_of
from labeling.reading.roles import may_plan_rounds, may_see_all_cases
from labeling.reading.rules import Rules

#: What was written down -> what it is called on paper.
_WHAT = {
    "round_planned": "Planned",
    "round_changed": "Plan changed",
    "round_started": "Started",
    "round_paused": "Paused",
    "round_resumed": "Resumed",
    "round_closed": "Closed",
    "exposure_override": "Exposure overridden",
    "washout_override": "Wash-out lifted",
    "handed_over": "Handed over",
    "reassigned": "Given to another reader",
    "taken_back": "Taken back",
    "claim_lapsed": "Claim ran out, back in the pool",
    "report_shown_to_panel": "Report shown to the panel",
    "reference_set": "Reference set",
    "shift_set": "Shift set",
    "question_asked": "Question asked",
}
_REPORT = {"shown": "report shown", "after_lock": "report after lock", "hidden": "report hidden"}
_MODEL = {"shown": "model shown first", "after_lock": "model after lock", "never": "no model"}
_OUTLINES = {"shown": "outlines shown", "hidden": "outlines hidden at first look"}
_SHOWN = {
    "report": "the report",
    "model": "a model",
    "read": "another read",
    "truth": "the truth",
    "numbers": "numbers",
}
_DIFFERENCES = {
    "verdict": "verdict",
    "ao": "AO type",
    "level": "level",
    "slices": "slices",
    "unclear": "unclear",
    "audit": "looked at again",
}


@require_GET
def protocol_page(request: HttpRequest, round_id: int) -> HttpResponse:
    """For those who oversee; of what they owe a read of, only that it was assigned, opened and locked."""
    user = person(request)
    if not may_see_all_cases(user):
        raise PermissionDenied
    round_ = Round.objects.select_related("follows", "label_schema", "by").filter(pk=round_id).first()
    if round_ is None:
        raise Http404
    record = protocol_of(user, round_)
    names = {row["reader"]: row["name"] or row["reader"] for row in record["readers"]}
    return render(
        request,
        "pages/protocol.html",
        {
            "round": round_,
            "lead": may_plan_rounds(user),
            "record": record,
            "rules": [
                (what, how) for what, how, _ in rules_in_words(Rules.parse(round_.rules), round_.kind, round_.follows)
            ],
            "events": [_event(row) for row in record["events"]],
            "readers": [_reader(row) for row in record["readers"]],
            "cases": [_case(row, names) for row in record["cases"]],
            "sha256": content_hash(record),
            "partial": is_partial(record),
            "printed": timezone.localtime(),
            "zone": settings.TIME_ZONE,
        },
    )


def _time(text: str | None) -> str:
    """2026-11-23 21:04, in the time of the installation."""
    return "" if text is None else f"{timezone.localtime(datetime.fromisoformat(text)):%Y-%m-%d %H:%M}"


def _event(row: dict[str, Any]) -> dict[str, str]:
    said = [f"{row[key]}" for key in ("reason",) if row.get(key)]
    people = [f"{word} {row[key]}" for key, word in (("reader", "for"), ("from", "from"), ("to", "to")) if row.get(key)]
    if row.get("shown"):
        shown = row["shown"]
        said.append("had been shown " + ", ".join(_SHOWN.get(what, str(what)) for what in shown))
    if row.get("levels"):
        said.append(f"{row.get('letter', '')} by {row['levels']:+d} ({row.get('moves', '')})")
    if row.get("left_out"):
        said.append("left out: " + ", ".join(f"{one['case']} ({one['why']})" for one in row["left_out"]))
    if row.get("barred"):
        said.append("barred: " + ", ".join(f"{one['reader']} from {one['case']}" for one in row["barred"]))
    return {
        "at": _time(row["at"]),
        "what": _WHAT.get(row["what"], row["what"].replace("_", " ").capitalize()),
        "by": row["by"] or "the system",
        "case": row["case"] or "",
        "more": "; ".join([" ".join(people), *said] if people else said),
    }


def _reader(row: dict[str, Any]) -> dict[str, Any]:
    other = row["other_roles"]
    words = [f"labelled {count} {split} case{'s' if count != 1 else ''}" for split, count in other["labelled"].items()]
    if other["sat_in_panels"]:
        words.append(f"sat in the panels of {_cases(other['sat_in_panels'])} with a reference")
    if other["sat_over_cases_of_this_round"]:
        words.append(f"sat over {_cases(other['sat_over_cases_of_this_round'])} of this round")
    if other["rounds_planned"]:
        words.append(f"planned {other['rounds_planned']} round{'s' if other['rounds_planned'] != 1 else ''}")
    words += [f"{one['did']}: {one['model'] or 'a model'} {one['sha256'][:12]}" for one in other["models"]]
    return {**row, "other": words, "roles": ", ".join(row["roles"]) or "none any more"}


def _cases(count: int) -> str:
    return f"{count} case{'s' if count != 1 else ''}"


def _case(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    if row["closed"]:
        return {**row, "rows": [_bare(one, names) for one in row["assignments"]]}
    return {
        **row,
        "rows": [_assignment(one, names) for one in row["assignments"]],
        "events": [_event(one) for one in row["events"]],
        "drafts": [
            f"A draft of {names.get(one['reader'], one['reader'])} with {one['operations']} operations, "
            f"opened {_time(one['opened'])}, is kept."
            for one in row["kept_drafts"]
        ],
        "settled": None if row["settled"] is None else _settled(row["settled"], names),
    }


def _bare(one: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {
        "reader": "in the pool" if one["reader"] is None else names.get(one["reader"], one["reader"]),
        "position": one["position"],
        "opened": _time(one["opened"]),
        "locked": _time(one["locked"]),
    }


def _assignment(one: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    rule = one["visible_by_rule"]
    by_rule = [] if rule is None else [_REPORT[rule["report"]], _MODEL[rule["model"]], _OUTLINES[rule["outlines"]]]
    if rule is not None and rule["model_drawn_hidden"]:
        by_rule.append("model drawn to stay hidden first")
    shown = [f"{_SHOWN[what['what']]} {_when(what)}" for what in one["shown"]]
    shown += [f"model {what['model']} ({what['sha256'][:12]}) {_when(what)}" for what in one["models_shown"]]
    notes = [
        words
        for words in (
            "drawn to be read twice" if one["read_twice"] else "",
            f"skipped: {one['skipped']}" if one["skipped"] else "",
            f"not before {_time(one['not_before'])}" if one["not_before"] else "",
            f"wash-out lifted: {one['washout_override']}" if one["washout_override"] else "",
            f"exposure overridden: {one['exposure_override']}" if one["exposure_override"] else "",
        )
        if words
    ]
    return {
        **_bare(one, names),
        "rule": by_rule,
        "shown": shown,
        "notes": notes,
        "versions": [*map(_version, one["versions"])],
    }


def _when(what: dict[str, Any]) -> str:
    return f"{'before' if what['before_lock'] else 'after'} the lock, {_time(what['at'])}"


def _version(one: dict[str, Any]) -> dict[str, Any]:
    return {
        **one,
        "opened": _time(one["opened"]),
        "locked": _time(one["locked"]),
        "active": clock_words(one["active_ms"]) if one["active_ms"] else "",
    }


def _settled(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {
        "versions": [_sitting(one, names) for one in row["versions"]],
        "references": [
            {**one, "at": _time(one["at"]), "set_by": names.get(one["set_by"], one["set_by"] or "")}
            for one in row["references"]
        ],
    }


def _sitting(one: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    counts = one.get("settlements", {})
    return {
        **one,
        "opened": _time(one["opened"]),
        "locked": _time(one["locked"]),
        "present": [f"{names.get(who['reader'], who['reader'])} {_time(who['at'])}" for who in one["present"]],
        "report": f"by {one['report_shown']['by']}, {_time(one['report_shown']['at'])}" if one["report_shown"] else "",
        "differences": _counts(counts.get("differences", {}), _DIFFERENCES),
        "took": _counts(counts.get("took", {}), {"a": "A", "b": "B", "neither": "neither"}),
        "reasons": _counts(counts.get("reasons", {}), {}),
        "letters": [_letter(of, names) for of in one.get("settles", [])],
        "questions": [
            f"{of['asked_by']} to {of['letter']} on {of['level'] or 'a vertebra'}, {_time(of['at'])}"
            + (f", answered {_time(of['answered'])}" if of["answered"] else ", not answered")
            for of in one["questions"]
        ],
    }


def _letter(of: dict[str, Any], names: dict[str, str]) -> str:
    shift = f", shifted by {of['shift']:+d} ({of['shift_moves']})" if of["shift"] else ""
    reader = names.get(of["reader"], of["reader"])
    return f"{of['letter']} is {reader}, version {of['version']} ({of['content_sha256'][:12]}){shift}"


def _counts(counts: dict[str, int], words: dict[str, str]) -> str:
    return ", ".join(f"{count} {words.get(name, name)}" for name, count in counts.items())
