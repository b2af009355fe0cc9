"""Classifiers in zip files: model.json and model.safetensors, unpacked with distrust. No torch here."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from inference.classifier.description import DESCRIPTION, WEIGHTS, describe
from inference.segmentation.packing import checked_members, extract_member
from labeling.imaging.refusal import Refusal

__all__ = ["unpack_classifier"]


def unpack_classifier(archive: Path, into: Path) -> Path:
    """Unpack the classifier of a zip file into the folder `into`, which must not be there yet; nothing else is written.

    Raises
    ------
    Refusal
        ``not-a-zip``, ``unsafe-zip``, ``not-a-model``, ``wrong-sha256`` where weights and description do not belong
        together, ``bad-recipe``, or ``disk-full``.
    """
    part = into.with_name(f"{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = checked_members(opened)
            root = next((path.parent for path in sorted(members) if _is_model(path.parent, members)), None)
            if root is None:
                raise Refusal(
                    "not-a-model",
                    f"The zip file holds no folder with {DESCRIPTION} and {WEIGHTS}. Zip the folder of a trained "
                    "classifier and import that.",
                )
            part.mkdir(parents=True)
            for name in (DESCRIPTION, WEIGHTS):
                extract_member(opened, members[root / name], part / name)
        describe(part)
        part.replace(into)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Refusal("not-a-zip", "The file is no zip file or is damaged. Zip the model again.") from error
    except OSError as error:
        if error.errno == 28:
            raise Refusal("disk-full", "The disk is full. Make room on the server, then import it again.") from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return into


def _is_model(folder: PurePosixPath, members: dict[PurePosixPath, zipfile.ZipInfo]) -> bool:
    return folder / DESCRIPTION in members and folder / WEIGHTS in members
