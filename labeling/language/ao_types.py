"""AO Spine types out of words: a type that is named, else the one that is described."""

from __future__ import annotations

import re

from labeling.language import words

__all__ = ["ao_of", "named_types"]

#: Subtypes of Magerl's classification, which wrote A3.1 for what is A3 today and A3.3 for A4.
_MAGERL = {("A3", "1"): "A3", ("A3", "3"): "A4", ("A3", "2"): ""}


def ao_of(text: str, noun: str, *, is_old: bool) -> tuple[str, str]:
    """Type of the body (A1 to A4) and of the segment (B1 to B3, C), each '' where nothing tells.

    Parameters
    ----------
    text
        All that is said in one breath with the fracture.
    noun
        What the fracture is called.
    is_old
        What is healed is no longer told by its shape: it has only a type that is named.
    """
    body, segment = named_types(text)
    return (body if body or is_old else _described(text, noun)), segment


def named_types(text: str) -> tuple[str, str]:
    """Type of the body and of the segment that a text calls by name, each '' where it does not."""
    body = segment = ""
    for match in words.NAMED_TYPE.finditer(text):
        name = match["type"] or "C"
        if name[0] == "A":
            body = body or _MAGERL.get((name, match["sub"] or ""), name)
        else:
            segment = segment or name
    return body, segment


def _described(text: str, noun: str) -> str:
    for name, pattern in words.HINTS:
        if pattern.search(text):
            return name
    if re.search(r"burst|berst|pathologi", text, re.IGNORECASE):
        # A burst fracture is A3 or A4: which, nobody said. The types are of broken bone that was sound.
        return ""
    wall = _wall_is_broken(text)
    if wall is True:
        return "A3"
    impacted = words.IMPACTED.search(noun) or words.IMPACTED.search(text)
    return "A1" if impacted else ""


def _wall_is_broken(text: str) -> bool | None:
    """Whether the posterior wall is; None where nobody says."""
    match = words.POSTERIOR_WALL.search(text)
    if match is None:
        return None
    around = text[max(0, match.start() - 24) : match.end() + 16]
    return not words.INTACT.search(around)
