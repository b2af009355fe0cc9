"""Models in zip files: nnUNetv2_export_model_to_zip's, and plain ones of a model folder; unpacked with distrust."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from inference.segmentation.models import CHECKPOINT, describe
from labeling.imaging.refusal import Refusal

__all__ = ["checked_members", "export", "extract_member", "unpack_export"]

MOST_BYTES = 8 << 30
"""Five folds of nnU-Net's largest network are 4 GB."""

MOST_JSON_BYTES = 32 << 20
"""A plan or a fingerprint is a few kilobytes; it is read whole."""

MOST_FILES = 2_000

MOST_RATIO = 200
"""Weights hardly shrink, JSON by 10 to 50; zeros in a bomb by 1000."""

RATIO_FROM_BYTES = 1 << 20

_WANTED = ("plans.json", "dataset.json", "dataset_fingerprint.json", "sagittal.json")
_BLOCK = 1 << 20


def unpack_export(archive: Path, into: Path) -> Path:
    """Unpack the model of a zip file into the folder `into`, which must not be there yet.

    Of a file with several configurations the one at full resolution is taken. Only what a model needs is written: its
    JSON files and the final checkpoints.

    Returns
    -------
    `into`, a model folder that `describe` reads.

    Raises
    ------
    Refusal
        ``not-a-zip``, ``unsafe-zip`` (paths that lead outside, links, bombs, encryption), ``not-a-model``, or
        ``disk-full``.
    """
    part = into.with_name(f"{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = checked_members(opened)
            root = _model_root(members)
            part.mkdir(parents=True)
            for path, member in members.items():
                if root in path.parents and _is_wanted(path.relative_to(root)):
                    extract_member(opened, member, part / path.relative_to(root))
        describe(part)
        part.replace(into)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Refusal("not-a-zip", "The file is no zip file or is damaged. Export the model again.") from error
    except OSError as error:
        if error.errno == 28:
            raise Refusal("disk-full", "The disk is full. Make room on the server, then import it again.") from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return into


def export(folder: Path, archive: Path) -> Path:
    """Write a model folder as nnUNetv2_install_pretrained_model_from_zip takes it; complete or not at all.

    Raises
    ------
    Refusal
        ``not-a-model``.
    """
    facts = describe(folder)
    root = f"Dataset001_Spine/nnUNetTrainer__nnUNetPlans__{facts.configuration}"
    part = archive.with_name(f"{archive.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            relative = PurePosixPath(path.relative_to(folder).as_posix())
            if path.is_file() and _is_wanted(relative):
                opened.write(path, f"{root}/{relative}")
    part.replace(archive)
    return archive


def checked_members(opened: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The files of the archive by their path, none of which leads astray.

    Raises
    ------
    Refusal
        ``unsafe-zip``.
    """
    members: dict[PurePosixPath, zipfile.ZipInfo] = {}
    infos = opened.infolist()
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
        raise _unsafe("It unpacks to more files or bytes than any model has.")
    for info in infos:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in info.filename or "\0" in info.filename:
            raise _unsafe("It holds a path that leads outside of its folder.")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _unsafe("It holds a link or a device instead of a file.")
        if info.flag_bits & 1:
            raise _unsafe("It is encrypted.")
        if info.file_size > RATIO_FROM_BYTES and info.file_size > MOST_RATIO * max(1, info.compress_size):
            raise _unsafe("It unpacks to far more than weights can shrink to.")
        if path.suffix == ".json" and info.file_size > MOST_JSON_BYTES:
            raise _unsafe(f"{path.name} is larger than any description of a model.")
        if not info.is_dir():
            members[path] = info
    return members


def _model_root(members: dict[PurePosixPath, zipfile.ZipInfo]) -> PurePosixPath:
    """The folder of the model: with plans, dataset.json and a final checkpoint in a fold."""
    roots = sorted(
        path.parent
        for path in members
        if path.name == "plans.json"
        and path.parent / "dataset.json" in members
        and any(one.name == CHECKPOINT and one.parent.parent == path.parent for one in members)
    )
    if not roots:
        raise Refusal(
            "not-a-model",
            f"The zip file holds no folder with plans.json, dataset.json and fold_0/{CHECKPOINT}. Export the model "
            "with nnUNetv2_export_model_to_zip and import that.",
        )
    return next((root for root in roots if root.name.endswith("3d_fullres")), roots[0])


def _is_wanted(path: PurePosixPath) -> bool:
    if len(path.parts) == 1:
        return path.name in _WANTED
    return len(path.parts) == 2 and path.parts[0].startswith("fold_") and path.name == CHECKPOINT


def extract_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Write one file; a header that lies about its size is found out while it is written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(member) as source, open(target, "wb") as file:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > member.file_size:
                raise _unsafe("A file in it is larger than it says.")
            file.write(block)


def _unsafe(what: str) -> Refusal:
    return Refusal("unsafe-zip", f"The zip file was not unpacked. {what} Export the model again.")
