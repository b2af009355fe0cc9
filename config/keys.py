"""The three secrets of an installation, made once and kept in `secrets.json`.

Without the pseudonym key the same patient would get a new pseudonym; without the identity keys the encrypted link back
to the patient could not be read. They are therefore never made anew beside existing data.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from config.processes import LauncherError


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def new_keys() -> dict[str, str]:
    """Fresh values for the three variables that settings read."""
    return {
        "SAGITTAL_SECRET_KEY": secrets.token_urlsafe(50),
        "SAGITTAL_PSEUDONYM_KEY": secrets.token_urlsafe(32),
        "SAGITTAL_IDENTITY_KEYS": _fernet_key(),
    }


def read_or_make_keys(state: Path, has_data: bool = False) -> dict[str, str]:
    """The keys of this state folder; variables of the environment come first.

    `has_data`: there is already a database, so keys that are missing are lost, not new. `LauncherError` then.
    """
    path = state / "secrets.json"
    if path.exists():
        try:
            kept: dict[str, str] = json.loads(path.read_text())
        except ValueError as damaged:
            raise LauncherError(f"{path} cannot be read ({damaged}). Bring it back from a backup.") from damaged
    elif has_data and not all(name in os.environ for name in new_keys()):
        raise LauncherError(
            f"{path} is missing, but there is a database that was written with it. Bring the file back from a backup; "
            f"to begin with an empty database instead, run `make clean-state`."
        )
    else:
        kept = new_keys()
        _write_private(path, json.dumps(kept, indent=1) + "\n")
    return {name: os.environ.get(name, value) for name, value in kept.items()}


def _write_private(path: Path, text: str) -> None:
    """Write a file only we can read, all of it or nothing, flushed to disk before anything is encrypted with it."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
