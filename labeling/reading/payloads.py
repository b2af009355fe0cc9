"""Reading a payload field by field: what is missing, of another kind or unknown is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labeling.reading.refusals import OperationRefused

__all__ = ["Payload"]


class Payload:
    """A JSON object whose fields are taken one by one; `close` refuses the ones nobody asked for."""

    def __init__(self, data: object, *, where: str) -> None:
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise OperationRefused("bad_payload", f"{where} needs a JSON object.")
        self._data: dict[str, Any] = dict(data)
        self._taken: set[str] = set()
        self._where = where

    def has(self, name: str) -> bool:
        return name in self._data

    def raw(self, name: str) -> Any:
        """Whatever stands in a field that must be there."""
        self._taken.add(name)
        if name not in self._data:
            raise OperationRefused("bad_payload", f"{self._where} needs the field {name}.")
        return self._data[name]

    def number(self, name: str) -> int:
        """A whole number (a primary key)."""
        value = self.raw(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, "a whole number")
        return value

    def number_or_none(self, name: str) -> int | None:
        return None if self.raw(name) is None else self.number(name)

    def flag(self, name: str) -> bool:
        value = self.raw(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def text(self, name: str, longest: int) -> str:
        value = self.raw(name)
        # PostgreSQL's text holds no NUL, nor can half a surrogate pair be written as UTF-8.
        if not isinstance(value, str) or "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
            raise self._wrong(name, "text")
        if len(value) > longest:
            raise self._wrong(name, f"at most {longest} characters long")
        return value

    def word(self, name: str, words: Iterable[str]) -> str:
        """One of a fixed set of words."""
        value = self.raw(name)
        known = list(words)
        if not isinstance(value, str) or value not in known:
            raise self._wrong(name, f"one of {', '.join(word or 'nothing' for word in known)}")
        return value

    def word_or_none(self, name: str, words: Iterable[str]) -> str | None:
        return None if self.raw(name) is None else self.word(name, words)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of one or more different texts."""
        value = self.raw(name)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "a list of one or more texts")
        if len(set(value)) != len(value):
            raise self._wrong(name, "a list without doubles")
        return tuple(value)

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.raw(name)
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise self._wrong(name, "a JSON object")
        return dict(value)

    def close(self) -> None:
        """
        Raises
        ------
        OperationRefused
            where a field was sent that nobody reads: it may carry a meaning that would be lost.
        """
        if unknown := sorted(set(self._data) - self._taken):
            raise OperationRefused("bad_payload", f"{self._where} has no field called {', '.join(unknown)}.")

    def _wrong(self, name: str, what: str) -> OperationRefused:
        return OperationRefused("bad_payload", f"{name} of {self._where} must be {what}.")
