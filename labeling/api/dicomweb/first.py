"""The short way of a frame: a WSGI application that stands before Django.

The long way asks session, account and the one door for each frame, which costs ten times what sending it does. A reader
who scrolls asks for a hundred frames of one stack, so the first goes the long way and leaves a grant
(:mod:`labeling.api.dicomweb.access`), and the others go the short way as long as it holds.
"""

import re
import socket
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http.cookie import parse_cookie
from django.http.request import split_domain_port, validate_host
from redis.exceptions import RedisError

from labeling.api.dicomweb import access
from labeling.api.dicomweb.frames import FrameAnswer, frame_answer
from labeling.api.dicomweb.negotiation import frame_offer
from labeling.imaging.refusal import Refusal
from labeling.models import Slice

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

#: Bytes; a compressed frame of 1024 x 512 pixels has some 400,000.
SEND_BUFFER = 1024**2

_UID = r"[0-9][0-9.]{0,63}"
_FRAME_PATH = re.compile(rf"/dicomweb/studies/({_UID})/series/({_UID})/instances/({_UID})/frames/1")
_STATUS = {200: "200 OK", 304: "304 Not Modified"}


class FramesFirst:
    """Sends a frame of a stack that this session was just allowed; hands everything else on.

    It gives nothing away that `FrameView` would not give: the grant is written by `FrameView` after session, account
    and visibility were checked, lives for seconds, and is taken away at logout. No cookie, a token, no grant, another
    host name, a frame that is not there: all that goes the long way and gets its answer from there.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            match = _FRAME_PATH.fullmatch(environ.get("PATH_INFO", ""))
            if match is not None:
                answer = _granted(environ, *match.groups())
                if answer is not None:
                    _make_room(environ.get("gunicorn.socket"))
                    start_response(_STATUS[answer.status], list(answer.headers))
                    return (answer.body,)
        return self.application(environ, start_response)


def _granted(environ: Environ, study_uid: str, series_uid: str, sop_uid: str) -> FrameAnswer | None:
    """The answer to a frame that is granted; None for the long way."""
    if "HTTP_AUTHORIZATION" in environ or not _is_our_host(environ.get("HTTP_HOST", "")):
        return None
    session_key = _session_key(environ.get("HTTP_COOKIE", ""))
    offer = frame_offer(environ.get("HTTP_ACCEPT", ""))
    if not session_key or offer is None:
        return None
    try:
        if not access.is_granted(session_key, study_uid, series_uid):
            return None
        return frame_answer(offer, study_uid, series_uid, sop_uid, environ.get("HTTP_IF_NONE_MATCH", ""))
    except (RedisError, OSError, Slice.DoesNotExist, Refusal):
        return None


def _make_room(connection: socket.socket | None) -> None:
    """Let a whole frame go to the kernel in one piece: its first guess of 16 kB wakes both sides two dozen times."""
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


@lru_cache(maxsize=64)
def _is_our_host(host: str) -> bool:
    """As Django's `get_host` decides it, which the short way does not pass."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


@lru_cache(maxsize=1024)
def _session_key(cookies: str) -> str:
    """The session of a Cookie header, as Django reads it; '' where there is none."""
    return parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")
