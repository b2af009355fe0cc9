"""The reviewer's bundle as a download; where it takes too long for a page, the sentence that names the command."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.bundle.packing import bundle_of, too_large_for_a_page
from labeling.analysis.scope import DEVELOPMENT
from labeling.imaging.refusal import Refusal
from labeling.pages.numbers_frame import may_or_refuse


@require_GET
@never_cache
def bundle_page(request: HttpRequest) -> HttpResponse:
    """The bundle of the cases `on`. Who takes it knows the reads in it: `bundle_of` writes that down."""
    user = may_or_refuse(request)
    key = request.GET.get("on", DEVELOPMENT)
    try:
        too_large_for_a_page(user, key)
        bundle = bundle_of(user, key)
    except Refusal as refusal:
        return render(request, "numbers/bundle_refused.html", {"sentence": refusal.sentence}, status=409)
    response = HttpResponse(bundle.content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{bundle.name}"'
    return response
