"""Logging in, and whether the house stands."""

import shutil
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.contrib.auth.views import LoginView
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils.decorators import method_decorator
from redis.exceptions import RedisError

#: Below this the database itself is in danger, not only the next import.
LEAST_FREE_BYTES = 500 * 1024**2


class LoginForm(AuthenticationForm):
    """A name longer than any account's is refused here; further in, the record of failed logins has no room for it."""

    username = UsernameField(max_length=150)


@method_decorator(login_not_required, name="dispatch")
class Login(LoginView):
    """`?next=` brings people back to the page their session ended on; the form says so."""

    redirect_authenticated_user = True
    authentication_form = LoginForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        came_from = self.request.GET.get(self.redirect_field_name, "/")
        return super().get_context_data(**kwargs) | {"expired": came_from not in ("", "/")}


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while database and queue answer and the disk has room, else 503; no details, because it asks for no login."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        cache.get("healthz")
        room = shutil.disk_usage(settings.STATE).free >= LEAST_FREE_BYTES
    except (DatabaseError, RedisError, OSError):
        return JsonResponse({"ok": False}, status=503)
    return JsonResponse({"ok": room}, status=200 if room else 503)
