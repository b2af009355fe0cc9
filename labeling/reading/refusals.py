"""What the reading room refuses, each with a sentence that a reader can act on."""

from __future__ import annotations

__all__ = ["Elsewhere", "NotReadable", "OperationRefused", "ReadLocked"]


class OperationRefused(Exception):
    """One operation cannot be applied; nothing was written.

    `code` is a machine word, `sentence` says what is wrong, where, and what to do next.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class ReadLocked(Exception):
    """The read is locked: it takes no label, no lock and no claim of coverage any more."""

    sentence = "This read is locked. A locked read never changes."

    def __init__(self) -> None:
        super().__init__(self.sentence)


class NotReadable(Exception):
    """This person cannot read this case now."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Elsewhere(Exception):
    """Another tab or device of the same reader holds the write lease."""

    sentence = "This read is being written in another window or on another device. Take over to write here."

    def __init__(self) -> None:
        super().__init__(self.sentence)
