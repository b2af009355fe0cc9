"""The reading room: a page of landmarks and buttons that the script fills from /api/reads/<id>/room."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET

from labeling.models import Read
from labeling.pages.person import person
from labeling.reading.roles import initials_of
from labeling.reading.visibility import read_for


@require_GET
@never_cache
@ensure_csrf_cookie
def room_page(request: HttpRequest, read_id: int) -> HttpResponse:
    """The room of one read; 404 where this person may not see it, as if it did not exist."""
    user = person(request)
    try:
        read = read_for(user, read_id)
    except Read.DoesNotExist:
        raise Http404 from None
    return render(request, "reading/room.html", {"read": read, "initials": initials_of(user)})
