"""The ledger of looks at test sets: who saw or used which number of one, and when."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from labeling.analysis.ledger import consultations
from labeling.pages.numbers_frame import asked, numbers_page

PAGE_SIZE = 100


@require_GET
@never_cache
def ledger_page(request: HttpRequest) -> HttpResponse:
    """Looking into the ledger is no look at the test set, and is not written into it."""
    question = asked(request)
    page = Paginator(consultations(), PAGE_SIZE).get_page(request.GET.get("page"))
    return numbers_page(
        request, "numbers/ledger.html", question, None, tab="numbers-ledger", what="", context={"page": page}
    )
