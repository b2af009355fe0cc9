"""Where state lies, and who may reach it.

Everything lies in one folder, `var/` of the repository or `SAGITTAL_STATE`. PostgreSQL refuses to run as root, so under
root it runs as another account; that account's data lie in the same folder if it can get there, otherwise in a folder
of its own, found again through a pointer in the state folder. No folder above the state folder is ever changed.

Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat
import subprocess
from pathlib import Path

from config.processes import Account, LauncherError, account_arguments

REPOSITORY = Path(__file__).resolve().parent.parent
LONGEST_SOCKET_PATH = 107  # bytes that fit a unix socket address, without the closing zero
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")  # needs no quoting in a server's options or in a URL


def state_folder() -> Path:
    """The folder all state lies in, absolute, created if missing. `LauncherError` if it is somebody else's."""
    given = os.environ.get("SAGITTAL_STATE")
    state = Path(given).expanduser().absolute() if given else REPOSITORY / "var"
    return own_folder(state.parent.resolve() / state.name)


def own_folder(folder: Path) -> Path:
    """`folder`, created if missing, for us to keep state in. `LauncherError` if it is somebody else's."""
    if not folder.exists():
        folder.mkdir(parents=True)
        # Others may pass through to what is theirs, not look: each file and folder in it says who reads it.
        folder.chmod(0o711)
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise LauncherError(
            f"The folder {folder} belongs to {_account_name(owner)}. "
            f"Start Sagittal as {_account_name(owner)}, or set SAGITTAL_STATE to a folder of your own."
        )
    return folder


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"account number {uid}"


def digest(path: Path) -> str:
    """A short name for a path, the same on every start."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def server_account() -> Account | None:
    """The account that a server which refuses root runs as; None where we are not root and run it ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise LauncherError(
        "PostgreSQL does not run as root, and there is no account `nobody` to run it as. "
        "Start Sagittal as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
    )


def account_of(folder: Path) -> Account:
    """The account that owns a folder."""
    info = folder.stat()
    return Account(_account_name(info.st_uid), info.st_uid, info.st_gid)


def can_reach(path: Path, account: Account | None, test: str = "-x") -> bool:
    """Whether `account` can get to `path` and enter or run it, asked of the kernel as that account."""
    try:
        answer = subprocess.run(["/usr/bin/test", test, str(path)], cwd="/", check=False, **account_arguments(account))
    except PermissionError as refused:
        raise LauncherError(
            "PostgreSQL does not run as root, and root may not become another user here. "
            "Start Sagittal as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
        ) from refused
    return answer.returncode == 0


def server_folder(state: Path, name: str, account: Account | None, disposable: bool = False) -> Path:
    """The folder for one server's data: `state/name`, or elsewhere if `account` cannot get there.

    It is created if missing, belongs to `account` and nobody else can enter it. Where it lies elsewhere,
    `state/name.path` says so, and a file in it says whose it is. `disposable` data may lie where the system cleans up
    after weeks.
    """
    pointer = state / f"{name}.path"
    elsewhere = Path(pointer.read_text().strip()) if pointer.exists() else None
    if elsewhere is not None and (not disposable or (elsewhere / "belongs-to").exists()):
        _check_belonging(elsewhere, state, pointer)
        return _private(elsewhere / name, account)
    if account is None or can_reach(state, account):
        return _private(state / name, account)
    for root in ("/var/tmp", "/tmp") if disposable else ("/var/lib", "/var/tmp"):
        if os.access(root, os.W_OK) and can_reach(Path(root), account):
            elsewhere = Path(root) / f"sagittal-{digest(state)}"
            break
    else:
        raise LauncherError(
            f"{account.name} can reach neither {state} nor /var/tmp. Set SAGITTAL_STATE to a folder it can reach."
        )
    elsewhere.mkdir(mode=0o711, exist_ok=True)
    if elsewhere.is_symlink() or elsewhere.stat().st_uid != os.geteuid():
        raise LauncherError(
            f"{elsewhere} is somebody else's. Move it away, or set SAGITTAL_STATE to a folder {account.name} can reach."
        )
    (elsewhere / "belongs-to").write_text(f"{state}\n")
    pointer.write_text(f"{elsewhere}\n")
    return _private(elsewhere / name, account)


def _check_belonging(elsewhere: Path, state: Path, pointer: Path) -> None:
    """Two state folders must never share a database: a copied folder is told apart from a moved one."""
    record = elsewhere / "belongs-to"
    if not record.exists():
        raise LauncherError(
            f"{pointer} says that the data lie in {elsewhere}, but they are not there. "
            f"Bring that folder back, or delete {pointer} to begin with an empty database."
        )
    owner = Path(record.read_text().strip())
    if owner == state:
        return
    if (owner / pointer.name).exists():
        raise LauncherError(
            f"{state} is a copy: the data in {elsewhere} belong to {owner}. "
            f"Delete {pointer} to begin with an empty database here."
        )
    record.write_text(f"{state}\n")  # the state folder was moved


def _private(folder: Path, account: Account | None) -> Path:
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
    return folder


def socket_folder(preferred: Path, socket_name: str, account: Account | None, create: bool = True) -> Path:
    """`preferred`, or a short folder of its own where the socket's path would be too long or need quoting."""
    path = str(preferred / socket_name)
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(path):
        return _private(preferred, account) if create else preferred
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    fits = len(os.fsencode(runtime)) <= 60 and PLAIN_PATH.fullmatch(runtime) is not None
    root = Path(runtime) if account is None and fits and os.access(runtime, os.W_OK | os.X_OK) else Path("/tmp")
    folder = root / f"sagittal-{digest(preferred)}"
    if create:
        _private(folder, account)
        info = folder.lstat()
        expected = os.geteuid() if account is None else account.uid
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != expected or stat.S_IMODE(info.st_mode) & 0o077:
            raise LauncherError(
                f"{folder} is needed for a socket and is somebody else's. Move it away and start again."
            )
    return folder
