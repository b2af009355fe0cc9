"""Who is asking."""

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest


def person(request: HttpRequest) -> User:
    """The logged-in person; LoginRequiredMiddleware let nobody else through to a page."""
    return cast(User, request.user)


def initials(user: User) -> str:
    """LV for Lena Vogt; the first two letters of the account where no name is known."""
    names = [name for name in (user.first_name, user.last_name) if name]
    return "".join(name[0] for name in names).upper() or user.get_username()[:2].upper()
