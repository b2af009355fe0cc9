"""Who asks: a person with a session cookie, or a script with a bearer token. Either way a user, or nobody."""

import hashlib
import hmac

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpResponse
from rest_framework import authentication
from rest_framework.request import Request

from labeling.api.errors import CsrfMissing, TokenRefused
from labeling.models import ApiToken

#: Longer headers are no tokens of ours; hashing megabytes for strangers would be a gift to them.
LONGEST_TOKEN = 200


def token_sha256(token: str) -> str:
    """What is kept of a token: sha256 over its UTF-8, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <token>``. Needs no CSRF token: no browser adds this header by itself."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiToken] | None:
        """The user of the token; None without this header, so that the session is asked next.

        Raises
        ------
        TokenRefused
            where the header is there and its token is unknown, revoked, or of an account that is switched off.
        """
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        token = token.strip()
        if not token or len(token) > LONGEST_TOKEN:
            raise TokenRefused
        digest = token_sha256(token)
        row = ApiToken.objects.select_related("user").filter(sha256=digest, revoked_at__isnull=True).first()
        # The index finds a row by a hash of what was sent, which tells nothing of the token by its time; the second
        # comparison, in constant time, is what counts.
        if row is None or not hmac.compare_digest(row.sha256, digest) or not row.user.is_active:
            raise TokenRefused
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer to nobody a 401 instead of a 403."""
        return self.keyword


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of the pages, with CSRF enforced on everything that writes."""

    def enforce_csrf(self, request: Request) -> None:
        """As DRF does it, with our sentence."""

        def unused(*_: object) -> HttpResponse:
            return HttpResponse()

        check = authentication.CSRFCheck(unused)
        check.process_request(request)
        if check.process_view(request, unused, (), {}) is not None:
            raise CsrfMissing
