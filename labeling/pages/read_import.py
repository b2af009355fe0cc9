"""Old reads out of a spreadsheet: checked first, then brought in. For leads."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from labeling.imaging.refusal import Refusal
from labeling.intake.read_tables import FIELDS, mapping_from
from labeling.intake.table_files import MAX_BYTES
from labeling.pages.person import person
from labeling.reading.elsewhere.imported_reads import Check, check_reads, import_reads
from labeling.reading.roles import may_plan_rounds

__all__ = ["import_page"]

#: Of a request: the file in letters, which takes a third more, and what else a form holds.
_MOST = MAX_BYTES * 4 // 3 + 64 * 1024
_TOO_LARGE = f"The file has more than {MAX_BYTES // 1024**2} MB. Split it."
_ERRORS_SHOWN = 50


# Forms take no files, for Django would read one before it knows who sent it. This one does, once the person is known:
# its token is looked at by the view within.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@never_cache
def import_page(request: HttpRequest) -> HttpResponse:
    """The form; what a sheet would bring in; and the import of a sheet that was checked."""
    if not may_plan_rounds(person(request)):
        raise PermissionDenied
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > _MOST:
        return _page(request, refusal=_TOO_LARGE, status=413)
    if request.content_type == "multipart/form-data":
        request.upload_handlers = [MemoryFileUploadHandler(request)]
    return _answer(request)


@csrf_protect
def _answer(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request)
    form = {name: request.POST.get(name, "").strip() for name in ("name", "unlisted", "columns", "filename")}
    form["unlisted"] = form["unlisted"] or "nothing"
    try:
        data, filename = _file(request)
        mapping = mapping_from([pair for pair in form["columns"].replace("\n", ",").split(",") if pair.strip()])
        how: dict[str, Any] = {"name": form["name"], "unlisted": form["unlisted"], "mapping": mapping}
        if request.POST.get("action") == "import":
            round_ = import_reads(person(request), data, filename, **how)
            messages.success(request, f"The reads are in, as the round {round_.name}.")
            return redirect("read-import")
        check = check_reads(person(request), data, filename, **how)
    except Refusal as refusal:
        return _page(request, form=form, refusal=refusal.sentence, status=422)
    letters = base64.urlsafe_b64encode(data).decode()
    context = {"form": form | {"filename": filename, "name": check.name}, "letters": letters, **_told(check)}
    return _page(request, status=200 if check.is_ready else 422, **context)


def _file(request: HttpRequest) -> tuple[bytes, str]:
    """The sheet and its name: as it was chosen, or as it came back with the check of it."""
    sent = request.FILES.get("file")
    if sent is not None:
        if sent.size is not None and sent.size > MAX_BYTES:
            raise Refusal("table-too-large", _TOO_LARGE)
        return sent.read(), sent.name or "reads"
    letters = request.POST.get("letters", "")
    if not letters:
        raise Refusal("file-missing", "No file is chosen.")
    try:
        data = base64.b64decode(letters.encode("ascii", "replace"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("file-damaged", "The file did not come back whole. Choose it again.") from error
    return data, request.POST.get("filename", "").strip() or "reads"


def _told(check: Check) -> dict[str, Any]:
    """The check in the words of the page. Counts of what the readers said are kept off it: it is no place to look."""
    per_reader = Counter(read.reader for read in check.old_reads)
    no_more = len(check.errors) - _ERRORS_SHOWN
    return {
        "check": check,
        "readers": [(one, per_reader[one.name]) for one in check.readers],
        "errors": check.errors[:_ERRORS_SHOWN],
        "more_errors": max(0, no_more),
        "columns": [(field, check.table.columns[field]) for field in FIELDS if field in check.table.columns],
    }


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    return render(
        request, "pages/read_import.html", {"most": MAX_BYTES, "fields": FIELDS, "form": {}, **context}, status=status
    )
