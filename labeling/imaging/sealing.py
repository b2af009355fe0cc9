"""Sealing: the real identifiers of a patient, encrypted for the database.

Fernet (AES-128-CBC and HMAC-SHA256) through `cryptography`. Several keys may be at hand: the first one seals, all of
them open, so a key can be replaced without a moment in which the records cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from labeling.imaging.refusal import Refusal

__all__ = ["Seal"]


class Seal:
    """Seals and opens small records under one or more secret keys.

    Parameters
    ----------
    keys
        Keys from `new_key`, the current one first, older ones after it. Raises `Refusal` when there is none or one is
        malformed.
    """

    __slots__ = ("_fernet",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise Refusal(
                "seal-key",
                "There is no key to seal identities with. Make one, keep it in the configuration, and start again.",
            )
        fernets: list[Fernet] = []
        for place, key in enumerate(keys, start=1):
            try:
                fernets.append(Fernet(key))
            except ValueError:
                raise Refusal(
                    "seal-key",
                    f"Identity key {place} of {len(keys)} is not 32 bytes in URL-safe base64. "
                    "Correct it and start again.",
                ) from None
        self._fernet = MultiFernet(fernets)

    def __repr__(self) -> str:
        return "Seal(<keys not shown>)"

    @staticmethod
    def new_key() -> bytes:
        """A new random key: 32 bytes in URL-safe base64, 44 characters."""
        return Fernet.generate_key()

    def seal(self, record: Mapping[str, object]) -> bytes:
        """`record` as an encrypted token of ASCII characters. Two seals of one record differ. Raises `Refusal` when it
        holds what JSON cannot.
        """
        try:
            plain = json.dumps(dict(record), allow_nan=False, sort_keys=True).encode()
        except (TypeError, ValueError):
            # Without the original error as its cause: that one may quote the identity.
            raise Refusal(
                "seal-content",
                "The identity holds a value that is not text, a number, a list or a record. Turn it into text first.",
            ) from None
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> dict[str, object]:
        """The record inside a token of `seal`. Raises `Refusal` when none of the keys fits or the token was changed."""
        try:
            plain = self._fernet.decrypt(_as_bytes(sealed))
        except InvalidToken:
            raise _unreadable() from None
        try:
            record = json.loads(plain)
        except ValueError:  # the error would quote what was sealed
            record = None
        if not isinstance(record, dict):
            raise Refusal(
                "seal-content",
                "The sealed identity is not a record. It was not written by this program. Import the case again.",
            )
        return record

    def rotate(self, sealed: bytes) -> bytes:
        """The same record sealed under the first key; the time of the first sealing is kept. Raises `Refusal` as
        `open` does.
        """
        try:
            return self._fernet.rotate(_as_bytes(sealed))
        except InvalidToken:
            raise _unreadable() from None


def _as_bytes(sealed: bytes) -> bytes:
    return bytes(sealed)  # a database driver hands over a memoryview


def _unreadable() -> Refusal:
    return Refusal(
        "seal-unreadable",
        "The identity cannot be opened with the keys at hand: it was sealed with another key, or changed since. "
        "Put the key it was sealed with back, after the current one, and look again.",
    )
