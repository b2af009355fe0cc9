"""Who may fetch which stack. The one door, `reading.visibility`, decides; a yes is remembered for some seconds.

A yes is kept in the shared cache under the session, so that all processes know it, and logging out takes it away (in
another process: within a second). It lives for `GRANT_SECONDS`: that is how long a change of assignments or roles may
take to reach the frames of a case that is open on the screen.
"""

import hashlib
import time
from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest

from labeling.models import Stack
from labeling.reading.roles import AnyUser
from labeling.reading.visibility import visible_cases

GRANT_SECONDS = 30
MEMO_SECONDS = 1.0
MOST_MEMOS = 1000

#: (session, study, series) -> until when (monotonic) this process need not ask again.
_memos: dict[tuple[str, str, str], float] = {}


def visible_stacks(user: AnyUser) -> QuerySet[Stack]:
    """The stacks of the cases that this user may see."""
    return Stack.objects.filter(case__in=visible_cases(user)).select_related("case__patient")


def stack_for(user: AnyUser, study_uid: str, series_uid: str) -> Stack:
    """One stack.

    Raises
    ------
    Stack.DoesNotExist
        where there is none, or none for this user: the two cannot be told apart.
    """
    return visible_stacks(user).get(case__study_uid=study_uid, series_uid=series_uid)


def require_stack(user: AnyUser, study_uid: str, series_uid: str) -> None:
    """As `stack_for`, without fetching it.

    Raises
    ------
    Stack.DoesNotExist
        where there is none for this user.
    """
    stacks = Stack.objects.filter(case__in=visible_cases(user), case__study_uid=study_uid, series_uid=series_uid)
    if not stacks.exists():
        raise Stack.DoesNotExist


def _key(session_key: str) -> str:
    # Hashed: whoever reads the cache must not find session keys in it.
    return f"frames:{hashlib.sha256(session_key.encode()).hexdigest()}"


def is_granted(session_key: str, study_uid: str, series_uid: str) -> bool:
    """Whether this session was allowed this stack within the last `GRANT_SECONDS`.

    The shared cache is asked once in `MEMO_SECONDS`; so long may another process than the one that took the logout
    still send frames of a stack that was on the screen.
    """
    now = time.monotonic()
    memo = (session_key, study_uid, series_uid)
    if _memos.get(memo, 0.0) > now:
        return True
    granted: dict[str, float] = cache.get(_key(session_key)) or {}
    if granted.get(f"{study_uid}/{series_uid}", 0.0) <= time.time():
        return False
    if len(_memos) >= MOST_MEMOS:
        _memos.clear()
    _memos[memo] = now + MEMO_SECONDS
    return True


def grant(session_key: str, study_uid: str, series_uid: str) -> None:
    """Remember a yes for this session.

    Two grants at the same moment may lose one of the two, which costs one more question to the door.
    """
    now = time.time()
    granted: dict[str, float] = cache.get(_key(session_key)) or {}
    granted = {stack: until for stack, until in granted.items() if until > now}
    granted[f"{study_uid}/{series_uid}"] = now + GRANT_SECONDS
    cache.set(_key(session_key), granted, GRANT_SECONDS)


def forget(session_key: str | None) -> None:
    """Take all grants of a session away."""
    if session_key:
        cache.delete(_key(session_key))
        for memo in [memo for memo in list(_memos) if memo[0] == session_key]:
            _memos.pop(memo, None)


def _forget_on_logout(sender: Any, request: HttpRequest | None, **_: Any) -> None:
    if request is not None and hasattr(request, "session"):
        forget(request.session.session_key)


# Sent before the session is flushed, so that its key is still known.
user_logged_out.connect(_forget_on_logout, dispatch_uid="frames_forget_on_logout")
