"""Who is asking."""

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest


def person(request: HttpRequest) -> User:
    """The logged-in person; LoginRequiredMiddleware let nobody else through to a page."""
    return cast(User, request.user)
