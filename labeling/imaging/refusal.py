"""What a file, a series or a mask is turned away with."""

from __future__ import annotations

__all__ = ["Refusal"]


class Refusal(Exception):
    """Something that is not taken in: what is wrong, where, and what to do next.

    Parameters
    ----------
    code
        A short stable word for programs, in lower case with hyphens ("missing-slices").
    sentence
        The same in plain words for people. It is stored and shown as it is.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)  # both, so that a refusal survives pickling between processes
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence
