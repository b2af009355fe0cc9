"""Who a case is, for those who may know; every look is written down by intake.identities."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from labeling.imaging.refusal import Refusal
from labeling.intake.identities import open_identity
from labeling.models import Case
from labeling.reading.visibility import case_for

_WORDS = (
    ("patient", "patient_id", "Patient ID"),
    ("patient", "issuer", "Issued by"),
    ("patient", "name", "Name"),
    ("patient", "birth_date", "Born"),
    ("study", "accession_number", "Accession number"),
    ("study", "study_date", "Examined"),
    ("study", "study_uid", "Study Instance UID"),
)


@require_POST
@never_cache
def identity_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST, so that no prefetch, reload or history opens an identity by accident; 403 but for administrators."""
    try:
        case = case_for(request.user, case_id)
    except Case.DoesNotExist as absent:
        raise Http404 from absent
    try:
        identity = open_identity(request.user, case)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("case", case_id=case.pk)
    rows = [(label, identity.get(group, {}).get(key)) for group, key, label in _WORDS]
    rows.append(("Age", identity.get("age")))
    return render(
        request,
        "pages/identity.html",
        {"case": case, "rows": [(label, value) for label, value in rows if value not in (None, "")]},
    )
