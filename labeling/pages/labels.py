"""Getting the labels out by a button."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from labeling.pages.person import person
from labeling.reading.roles import may_export
from labeling.reading.visibility import export_counts


@require_GET
def labels_page(request: HttpRequest) -> HttpResponse:
    """Counts per round of what an export would hold; counting shows no read and so exposes no one."""
    if not may_export(person(request)):
        raise PermissionDenied
    return render(request, "pages/labels.html", {"rounds": export_counts(person(request))})
