"""Files of models on disk, each folder under its own SHA-256 and never changed once it lies there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from pathlib import Path

from django.conf import settings

from labeling.imaging.refusal import Refusal

__all__ = ["file_sha256", "folder_sha256", "keep", "kept_folder"]


def kept_folder(sha256: str) -> Path:
    """Where the files of the model with this SHA-256 lie, or would."""
    return Path(settings.MODELS_ROOT) / sha256


def folder_sha256(folder: Path) -> str:
    """Over the names of the files below a folder, sorted, and their bytes.

    A name counts as its path below the folder with '/', followed by a zero byte, the number of bytes and a zero byte.
    The process that loads the model computes the same (`inference.segmentation.models.folder_sha256`).

    Raises
    ------
    Refusal
        ``not-a-model`` for a folder that is missing, empty or holds a link.
    """
    digest = hashlib.sha256()
    paths = sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()) if folder.is_dir() else []
    if any(path.is_symlink() for path in paths):
        raise Refusal("not-a-model", "The folder of the model holds a link instead of a file. Copy the file itself.")
    files = [path for path in paths if path.is_file()]
    if not files:
        raise Refusal("not-a-model", "The folder of the model is missing or empty. Import the model again.")
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        _add(digest, path)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Of one file."""
    digest = hashlib.sha256()
    _add(digest, path)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)


def keep(folder: Path, sha256: str) -> Path:
    """Copy a model folder to its place; nothing is done where it lies there already, whole.

    Raises
    ------
    Refusal
        ``wrong-sha256`` where the copy is not what was read before.
    OSError
        with ENOSPC where the disk is full.
    """
    target = kept_folder(sha256)
    if target.is_dir() and folder_sha256(target) == sha256:
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f"{sha256}.{uuid.uuid4().hex}.part")
    try:
        _copy(folder, part)
        if folder_sha256(part) != sha256:
            raise Refusal("wrong-sha256", "The files of the model changed while they were copied. Begin again.")
        shutil.rmtree(target, ignore_errors=True)  # what was damaged
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _copy(folder: Path, part: Path) -> None:
    try:
        shutil.copytree(folder, part)
    except shutil.Error as error:
        # It gathers the errors of all files as texts, and its own number is none.
        texts = [str(why) for *_, why in error.args[0]]
        full = (f"[Errno {number}]" for number in (errno.ENOSPC, errno.EDQUOT))
        if any(sign in text for sign in full for text in texts):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
