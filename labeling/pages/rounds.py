"""Rounds: all of them, one of them, and the form that plans one. For leads alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from labeling.models import Reader, Round, RoundKind, RoundState
from labeling.pages.person import person
from labeling.pages.round_form import RoundForm, initial_of, refitted
from labeling.pages.round_rows import (
    KIND_SENTENCES,
    ListRow,
    changed_rules,
    day,
    hours,
    pace_words,
    rules_in_words,
    shown_words,
)
from labeling.reading import clock
from labeling.reading.planning.making import change_round, discard_round, make_round, plan_of, preview
from labeling.reading.planning.overview import (
    assignment_rows,
    barred_rows,
    override_rows,
    progress,
    round_row,
    round_rows,
)
from labeling.reading.planning.plans import FOLLOWING, Plan, Preview
from labeling.reading.planning.states import close, pause, resume, start
from labeling.reading.refusals import OperationRefused
from labeling.reading.roles import may_plan_rounds
from labeling.reading.rules import Rules
from labeling.reading.visibility import owed_assignments

_STATES = {
    "start": (start, "{} has begun. Its readers are told."),
    "pause": (pause, "{} is paused."),
    "resume": (resume, "{} goes on."),
    "close": (close, "{} is closed."),
}
#: The longest primary key that PostgreSQL holds has this many digits.
_DIGITS = 18
_MOST_SHOWN = 12


def _refuse_unless_lead(request: HttpRequest) -> None:
    if not may_plan_rounds(request.user):
        raise PermissionDenied


def _round(round_id: int | str | None) -> Round | None:
    text = str(round_id or "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return None
    return Round.objects.select_related("follows", "panel", "by").filter(pk=int(text)).first()


def _found(round_id: int) -> Round:
    round_ = _round(round_id)
    if round_ is None:
        raise Http404
    return round_


@require_GET
@never_cache
def rounds_page(request: HttpRequest) -> HttpResponse:
    _refuse_unless_lead(request)
    rows = [ListRow(row) for row in round_rows()]
    return render(request, "pages/rounds.html", {"rows": rows, "days_ahead": clock.days_ahead()})


# --- planning -------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
def new_page(request: HttpRequest) -> HttpResponse:
    """The form of one kind with its preview; makes the round once nothing speaks against it."""
    _refuse_unless_lead(request)
    asked = request.POST if request.method == "POST" else request.GET
    kind = asked.get("kind", RoundKind.INDEPENDENT)
    if kind not in RoundKind.values:
        raise Http404
    follows = _round(asked.get("follows")) if RoundKind(kind) in FOLLOWING else None
    return _planned(request, RoundKind(kind), follows, _beginning(follows), None)


def _beginning(follows: Round | None) -> dict[str, Any]:
    """What a form that nobody has filled in shows: the readers of the round that is followed."""
    if follows is None:
        return {"way": "assigned"}
    readers = Reader.objects.filter(assignments__round=follows).order_by("pk").distinct()
    return {"way": "assigned", "readers": [reader.user_id for reader in readers]}


@require_http_methods(["GET", "POST"])
@never_cache
def edit_page(request: HttpRequest, round_id: int) -> HttpResponse:
    """The same for a round that is planned and not started."""
    _refuse_unless_lead(request)
    round_ = _found(round_id)
    if round_.state != RoundState.PLANNED:
        messages.error(request, f"{round_.name} was started: what its readers began under holds. Plan a new round.")
        return redirect("round", round_id=round_.pk)
    follows = _round(request.POST.get("follows")) or round_.follows
    return _planned(request, RoundKind(round_.kind), follows, initial_of(plan_of(round_)), round_)


def _planned(
    request: HttpRequest, kind: RoundKind, follows: Round | None, initial: dict[str, Any], round_: Round | None
) -> HttpResponse:
    # What begins otherwise with the round that is followed now is shown before anything is made of it.
    made_for = _round(request.POST.get("defaults_of"))
    anew = refitted(request.POST, kind, made_for, follows) if request.method == "POST" else None
    form = RoundForm(kind, anew or request.POST or None, follows=follows, made_for=made_for, initial=initial)
    user, seen, refused = person(request), None, False
    if request.method == "POST":
        make = request.POST.get("action") == "make"
        refused = not form.is_valid() or (make and anew is not None)
        if form.is_valid():
            plan = form.plan() if round_ is None else _again(form.plan(), round_)
            seen = preview(plan, user, besides=None if round_ is None else round_.pk)
            if make and anew is None:
                try:
                    made = make_round(user, plan) if round_ is None else change_round(user, round_.pk, plan)
                except OperationRefused:
                    refused = True
                else:
                    messages.success(request, f"{made.name} is planned. Nobody is told before you start it.")
                    return redirect("round", round_id=made.pk)
    kinds = [(kind.value, kind.label, KIND_SENTENCES[kind]) for kind in RoundKind]
    context = {
        "form": form,
        "round": round_,
        "kinds": kinds,
        "kind": form.kind.value,
        "kind_label": form.kind.label,
        "sentence": KIND_SENTENCES[form.kind],
        "following": form.kind in FOLLOWING,
        "refitted_to": follows if anew is not None else None,
        **({"kept": _kept(form, round_)} if seen is None else _preview_context(user, form, seen)),
    }
    return render(request, "pages/round_form.html", context, status=422 if refused else 200)


def _again(plan: Plan, round_: Round) -> Plan:
    """A plan with what the form does not ask for: the seed that the round has, and whether its order was named."""
    return replace(plan, seed=round_.seed, in_order=plan_of(round_).in_order)


def _owed(user: User) -> set[int]:
    return set(owed_assignments(user).values_list("case", flat=True))


def _kept(form: RoundForm, round_: Round | None) -> list[tuple[str, str]]:
    """Reasons that were given and are not on the page, as fields of the form: none is typed twice."""
    given = form.reasons()
    if round_ is not None and not form.is_bound:
        given = {(one.reader, one.case): one.reason for one in plan_of(round_).overrides}
    return [
        (f"override-{reader}" if case is None else f"override-{reader}-{case}", reason)
        for (reader, case), reason in given.items()
    ]


def _preview_context(user: User, form: RoundForm, seen: Preview) -> dict[str, Any]:
    follows = _round(seen.plan.follows)
    reasons, owed = form.reasons(), _owed(user)
    barred: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    names: dict[int, str] = {}
    for bar in seen.bars:
        names[bar.reader.pk] = str(bar.reader)
        own = reasons.get((bar.reader.pk, bar.case.pk), "")
        barred[bar.reader.pk].append(
            {"case": bar.case, "shown": shown_words(bar.shown, blind=bar.case.pk in owed), "reason": own, "bar": bar}
        )
    readers = [
        {
            "plan": one,
            "first": [planned.case.name for planned in one.cases[:_MOST_SHOWN]],
            "rest": [planned.case.name for planned in one.cases[_MOST_SHOWN:]],
            "hours": hours(one.ms),
            "pace": pace_words(one.pace),
            "dates": one.dates and [day(at) for at in dict.fromkeys(one.dates)],
        }
        for one in seen.readers
    ]
    return {
        "seen": seen,
        "seed": form.signed(seen.seed),
        "readers": readers,
        "hours": hours(seen.ms) if seen.entry else "",
        "changed": changed_rules(seen.rules, seen.plan.kind, follows, pooled=seen.plan.pooled),
        "bars": [(key, names[key], reasons.get((key, None), ""), rows) for key, rows in barred.items()],
        "cannot": [sentence for _, sentence in seen.refusals],
    }


# --- one round ------------------------------------------------------------------------------------------------------


@require_GET
@never_cache
def round_page(request: HttpRequest, round_id: int) -> HttpResponse:
    _refuse_unless_lead(request)
    round_ = _found(round_id)
    row = round_row(round_)
    readers = progress(round_)
    chosen = _chosen(request, [one.reader.pk for one in readers])
    owed = _owed(person(request))
    assignments = assignment_rows(person(request), round_, chosen)
    context = {
        "round": round_,
        "row": ListRow(row),
        "readers": [
            {
                "of": one,
                "hours": hours(one.left_ms),
                "pace": pace_words(one.pace),
                "opens": one.opens and day(one.opens),
            }
            for one in readers
        ],
        "chosen": chosen,
        "chosen_name": next((str(one.reader) for one in readers if one.reader.pk == chosen), ""),
        "assignments": [(one, day(one.opens) if one.opens else "") for one in assignments],
        "rules": rules_in_words(Rules.parse(round_.rules), round_.kind, round_.follows),
        "sentence": KIND_SENTENCES[RoundKind(round_.kind)],
        "barred": [(one, shown_words(one.shown, blind=one.case.pk in owed)) for one in barred_rows(round_)],
        "overrides": override_rows(round_),
        "followed_by": round_.followed_by.order_by("pk"),
        "may_repeat": round_.kind in FOLLOWING[RoundKind.REPEAT] and round_.state != RoundState.PLANNED,
        "may_settle": round_.kind in FOLLOWING[RoundKind.CONSENSUS] and round_.state != RoundState.PLANNED,
        "days_ahead": clock.days_ahead(),
        "panel": round_.kind == RoundKind.CONSENSUS,
        "following": RoundKind(round_.kind) in FOLLOWING,
    }
    return render(request, "pages/round.html", context)


def _chosen(request: HttpRequest, readers: list[int]) -> int | None:
    """Whose order is on the page: the reader that is asked for, else the first; None for the pool."""
    asked = request.GET.get("reader", "")
    known = {str(key): key for key in readers}
    if asked in known:
        return known[asked]
    return None if asked == "pool" or not readers else readers[0]


@require_POST
def state_page(request: HttpRequest, round_id: int) -> HttpResponse:
    """Start, pause, resume, close; or throw a planned round away."""
    _refuse_unless_lead(request)
    round_ = _found(round_id)
    action = request.POST.get("action", "")
    try:
        if action == "discard":
            discard_round(person(request), round_.pk)
            messages.success(request, f"{round_.name} is discarded.")
            return redirect("rounds")
        if action in _STATES:
            act, sentence = _STATES[action]
            messages.success(request, sentence.format(act(person(request), round_.pk).name))
    except OperationRefused as refused:
        messages.error(request, refused.sentence)
    except Round.DoesNotExist as absent:
        raise Http404 from absent
    return redirect("round", round_id=round_.pk)
