"""One's own account: password, and tokens for scripts."""

import hashlib
import secrets

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from labeling.models import ApiToken, AuditEvent
from labeling.pages.person import person

_FRESH = "fresh_token"


@require_http_methods(["GET", "POST"])
def account_page(request: HttpRequest) -> HttpResponse:
    action = request.POST.get("action", "") if request.method == "POST" else ""
    form = PasswordChangeForm(person(request), request.POST if action == "password" else None)
    form.fields["old_password"].widget.attrs.pop("autofocus", None)
    form.fields["new_password2"].label = "New password again"
    if action == "password" and form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, "The password is changed. Other browsers are logged out.")
        return redirect("account")
    if action == "token":
        token = secrets.token_urlsafe(32)
        name = request.POST.get("name", "").replace("\x00", "").strip()[:80] or "script"
        ApiToken.objects.create(user=person(request), name=name, sha256=hashlib.sha256(token.encode()).hexdigest())
        AuditEvent.objects.create(by=person(request), verb="create_token", detail={"name": name})
        # Shown by the page that follows, so that loading it again makes no second one.
        request.session[_FRESH] = token
        return redirect("account")
    if action == "revoke":
        chosen = request.POST.get("token", "")
        mine = ApiToken.objects.filter(user=person(request), revoked_at__isnull=True)
        if chosen.isdecimal() and len(chosen) < 19 and mine.filter(pk=chosen).update(revoked_at=timezone.now()):
            AuditEvent.objects.create(by=person(request), verb="revoke_token", detail={})
            messages.success(request, "The token no longer opens anything.")
        return redirect("account")
    tokens = ApiToken.objects.filter(user=person(request), revoked_at__isnull=True).order_by("-created_at")
    return render(
        request, "pages/account.html", {"form": form, "tokens": tokens, "fresh_token": request.session.pop(_FRESH, "")}
    )
