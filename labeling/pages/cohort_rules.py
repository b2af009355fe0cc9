"""The rules of the search: shown in words, tried on a sentence, changed by a lead and published as a version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.cohort.crawl import ask_crawl, current_rules, publish_rules, published, rules_of
from labeling.cohort.trying import LONGEST_TRY, try_text
from labeling.imaging.refusal import Refusal
from labeling.language.crawl_rules import CrawlRules as Rules
from labeling.language.crawl_rules import parse
from labeling.models import CrawlRules, StudyReport
from labeling.pages.cohort_frame import cohort_page, may_change, may_look
from labeling.pages.report_words import LEGEND, criterion_words, marked
from labeling.pages.rules_words import LANGUAGE_NAMES, LanguageShown, differences, languages_shown, off_names, words_of
from labeling.reading.roles import may_plan_rounds

__all__ = ["rules_page"]


@dataclass(frozen=True)
class VersionShown:
    """A published version: its number, who published it, and in what it differs from the built-in rules."""

    row: CrawlRules
    number: int
    holds: bool
    words: tuple[str, ...]


@require_http_methods(["GET", "POST"])
@never_cache
def rules_page(request: HttpRequest) -> HttpResponse:
    """POST tries a sentence, publishes what the form says, or lets an earlier version hold again."""
    user = may_look(request)
    if request.method == "GET":
        return _shown(request)
    action = request.POST.get("action", "")
    if action == "try":
        return _tried(request)
    user = may_change(request)
    held = current_rules()
    try:
        if request.POST.get("seen", "") != held.sha256:
            raise Refusal(
                "changed-meanwhile",
                "Other rules were published while this page was open. Nothing was changed. Compare, and publish again.",
            )
        wanted = _earlier(request.POST) if action == "again" else rules_in(request.POST, rules_of(held))
        with transaction.atomic():
            row = publish_rules(user, wanted.as_json)
            job = ask_crawl(user)
    except Refusal as refusal:
        return _shown(request, form=_kept(request.POST, held), refused=refusal.sentence, status=422)
    if row == held:
        messages.success(request, "These rules hold already. Nothing was changed.")
    elif job is None:
        messages.success(request, "The rules are published. There is no report to search yet.")
    else:
        messages.success(request, "The rules are published, and every report is searched again by them.")
    return redirect("cohort-rules")


def rules_in(form: QueryDict, held: Rules) -> Rules:
    """The rules as a form says them. A built-in word that is shown and not ticked is switched off.

    Raises
    ------
    Refusal
        ``crawl-rules``, with what is wrong and where.
    """
    words: dict[str, dict[str, dict[str, list[str]]]] = {}
    for language in LANGUAGE_NAMES:
        for kind, shown in off_names(language, held):
            ticked = set(form.getlist(f"on.{language}.{kind}"))
            added = [line.strip() for line in form.get(f"add.{language}.{kind}", "").splitlines() if line.strip()]
            off = [word for word in shown if word not in ticked]
            if added or off:
                words.setdefault(language, {})[kind] = {"add": added, "off": off}
    return parse(
        {
            "languages": [one for one in form.getlist("languages") if one in LANGUAGE_NAMES],
            "count_old": "count_old" in form,
            "count_suspicion": "count_suspicion" in form,
            "words": words,
        }
    )


def _earlier(form: QueryDict) -> Rules:
    wanted = form.get("version", "")
    row = CrawlRules.objects.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 18 else None
    if row is None:
        raise Http404
    return rules_of(row)


def _kept(form: QueryDict, held: CrawlRules) -> Rules | None:
    """What the form says, where it says rules; else those that hold."""
    try:
        return rules_in(form, rules_of(held)) if "languages" in form else None
    except Refusal:
        return None


def _tried(request: HttpRequest) -> HttpResponse:
    """By the rules of the form, which are not published by that; who changes none tries those that hold."""
    text = request.POST.get("text", "")
    held = current_rules()
    rules = rules_of(held)
    try:
        if may_plan_rounds(request.user) and "languages" in request.POST:
            rules = rules_in(request.POST, rules)
        tried = try_text(text, rules)
    except Refusal as refusal:
        return _shown(request, form=rules, text=text, try_refused=refusal.sentence, status=422)
    context: dict[str, Any] = {
        "tried": tried,
        "tried_pieces": marked(tried.pieces),
        "tried_exclusions": [criterion_words(reason) for reason in tried.exclusions],
        "is_draft": rules.sha256 != held.sha256,
    }
    return _shown(request, form=rules, text=text, **context)


def _shown(
    request: HttpRequest, *, form: Rules | None = None, text: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    versions = published()
    held = versions[0]
    rules = rules_of(held) if form is None else form
    languages: list[LanguageShown] = languages_shown(rules)
    values = {
        "held": held,
        "rules": rules,
        "languages": languages,
        "said": words_of(rules_of(held)),
        "changed": rules.sha256 != held.sha256,
        "versions": _versions(versions),
        "reports": StudyReport.objects.count(),
        "text": text,
        "longest": LONGEST_TRY,
        "legend": LEGEND.items(),
        **context,
    }
    return cohort_page(request, "cohort/rules.html", "cohort-reports", values, status)


def _versions(rows: list[CrawlRules]) -> list[VersionShown]:
    numbers = {row.pk: place for place, row in enumerate(sorted(rows, key=lambda one: one.pk), 1)}
    return [
        VersionShown(row, numbers[row.pk], place == 0, differences(rules_of(row))) for place, row in enumerate(rows)
    ]
