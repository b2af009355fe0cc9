"""The anatomy check: a page of landmarks and buttons that the script fills from /api/cases/<id>/anatomy."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET

from labeling.models import Case
from labeling.pages.person import person
from labeling.reading.anatomies import unchecked_cases
from labeling.reading.roles import initials_of, may_see_all_cases
from labeling.reading.visibility import case_for


@require_GET
@never_cache
@ensure_csrf_cookie
def anatomy_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """The anatomy check of one case; 404 where this person may not see it, as if it did not exist.

    `?read=<id>` goes back to that draft afterwards, `?queue=1` on to the next case that nobody has checked, and
    without either it is the page of the case.
    """
    user = person(request)
    try:
        case = case_for(user, case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent
    read = request.GET.get("read", "")
    read = read if read.isascii() and read.isdigit() and len(read) < 19 else ""
    if read:
        back, back_words = reverse("room", args=[int(read)]), "Back to the read"
    else:
        back, back_words = reverse("case", args=[case.pk]), "Back to the case"
    onward, onward_words = back, back_words
    if not read and request.GET.get("queue"):
        onward, onward_words = f"{reverse('anatomy-next')}?{urlencode({'after': case.pk})}", "Next case"
    context = {
        "case": case,
        "read": read,
        "back": back,
        "back_words": back_words,
        "onward": onward,
        "onward_words": onward_words,
        "initials": initials_of(user),
    }
    return render(request, "reading/anatomy.html", context)


@require_GET
@never_cache
def next_unchecked(request: HttpRequest) -> HttpResponseRedirect:
    """On to the next case whose newest anatomy nobody has confirmed; after the last one from the first again.

    `?after=<case>` tells where this person is.
    """
    user = person(request)
    after = request.GET.get("after", "")
    here = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    cases = unchecked_cases(user).order_by("pk")
    case = cases.filter(pk__gt=here).first() or cases.filter(pk__lt=here).first()
    if case is not None:
        return redirect(f"{reverse('anatomy-check', args=[case.pk])}?queue=1")
    messages.success(request, "Every anatomy that you may check has been checked.")
    return redirect("cases" if may_see_all_cases(user) else "worklist")
