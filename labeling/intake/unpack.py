"""Archives become files: zip, and zip within zip once, under limits that hold while bytes are written.

Members are written under numbers, never under the names the archive gives, so no name can lead out of the folder. Sizes
in an archive are claims: what counts is what comes out.
"""

from __future__ import annotations

import errno
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from labeling.imaging.refusal import Refusal
from labeling.intake.quarantine import Source, TurnedAway

__all__ = ["Limits", "Unpacked", "is_zip", "unpack"]

#: Below this nothing is a bomb, however well it shrinks: an empty slice deflates to a thousandth.
RATIO_FROM_BYTES = 64 * 2**20
_CHUNK = 1 << 20
_ENCRYPTED = 0x1
#: What zipfile raises on bytes that are not what they say.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)
#: What file managers leave in folders; nobody sent it.
_LITTER = {".ds_store", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one delivery: bytes and files once unpacked, and how many times larger than the archive it may become."""

    most_bytes: int
    most_files: int
    most_ratio: float


@dataclass(slots=True)
class Unpacked:
    """Files that can be looked at, archives they came from (which repeat them), and what was turned away."""

    sources: list[Source] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    turned_away: list[TurnedAway] = field(default_factory=list)


def is_zip(path: Path) -> bool:
    """By its first bytes, never by its name; an empty archive counts."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def unpack(
    sources: Sequence[Source], folder: Path, limits: Limits, tick: Callable[[], None] = lambda: None
) -> Unpacked:
    """Unpack every archive among `sources` into `folder`; other files pass as they are.

    An archive that is damaged, encrypted or a bomb is turned away whole, what it had given is removed, and the others
    go on. A member that is a link or whose path leads out of the archive is turned away alone.

    Parameters
    ----------
    tick
        Called between members; may raise to stop.

    Raises
    ------
    Refusal
        ``too-many-files`` or ``too-large`` where the delivery as a whole passes its limits.
    """
    worker = _Unpacker(folder, limits, tick)
    for source in sources:
        worker.take(source, depth=0)
    return worker.result


class _Unpacker:
    def __init__(self, folder: Path, limits: Limits, tick: Callable[[], None]) -> None:
        self.folder, self.limits, self.tick = folder, limits, tick
        self.result = Unpacked()
        self.bytes = 0
        self.number = 0

    def take(self, source: Source, depth: int) -> None:
        if PurePosixPath(source.name).name.lower() in _LITTER or "__MACOSX" in PurePosixPath(source.name).parts:
            return
        if not is_zip(source.path):
            self.result.sources.append(source)
            if len(self.result.sources) > self.limits.most_files:
                raise Refusal(
                    "too-many-files",
                    f"The delivery holds more than {self.limits.most_files:,} files. Send it in parts.",
                )
            return
        if depth > 1:
            sentence = "An archive lies two levels deep in another. Unpack it and send its files."
            self._turn_away(source.path, "nested-archive", sentence)
            return
        self._archive(source, depth)

    def _archive(self, source: Source, depth: int) -> None:
        turned_away = len(self.result.turned_away)
        try:
            members = self._members(source)
        except _BadArchiveError as bad:
            del self.result.turned_away[turned_away:]
            self._turn_away(source.path, bad.code, bad.sentence)
            return
        self.result.archives.append(source.path)
        for member in members:
            self.take(member, depth + 1)

    def _members(self, source: Source) -> list[Source]:
        written: list[Source] = []
        budget = _Budget(self, source.path.stat().st_size)
        try:
            with zipfile.ZipFile(source.path) as archive:
                infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
                if any(info.flag_bits & _ENCRYPTED for info in infos):
                    raise _BadArchiveError("encrypted-archive", "The archive is encrypted. Send it without a password.")
                for place, info in enumerate(infos, start=1):
                    self.tick()
                    refusal = _refused_member(info, place)
                    if refusal is not None:
                        self._turn_away(None, *refusal)
                        continue
                    written.append(self._extract(archive, info, source, budget))
        except (_BadArchiveError, OSError, *_BROKEN) as error:
            # All or nothing: half an archive would look like a series with missing slices.
            for one in written:
                one.path.unlink(missing_ok=True)
            # A damaged table of contents also sends the reader to places before the file's start (EINVAL).
            damaged = not isinstance(error, OSError) or error.errno in (None, errno.EINVAL)
            if isinstance(error, _BadArchiveError) or not damaged:
                raise
            raise _BadArchiveError("broken-archive", "The archive is damaged or breaks off. Send it again.") from None
        return written

    def _extract(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: Source, budget: _Budget) -> Source:
        self.number += 1
        if self.number > self.limits.most_files:
            raise Refusal(
                "too-many-files", f"The delivery holds more than {self.limits.most_files:,} files. Send it in parts."
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self.folder / f"{self.number:06d}"
        try:
            with archive.open(info) as packed, target.open("xb") as file:
                while chunk := packed.read(_CHUNK):
                    budget.spend(len(chunk))
                    file.write(chunk)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        folder = PurePosixPath(source.name).with_suffix("")
        return Source(target, str(folder / info.filename.replace("\\", "/")))

    def _turn_away(self, path: Path | None, code: str, sentence: str) -> None:
        self.result.turned_away.append(TurnedAway(path, code, sentence))


class _BadArchiveError(Exception):
    """An archive that is turned away as a whole."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code)
        self.code, self.sentence = code, sentence


class _Budget:
    """Counts what comes out of one archive, and out of all of them."""

    def __init__(self, unpacker: _Unpacker, packed: int) -> None:
        self.unpacker, self.packed, self.spent = unpacker, max(1, packed), 0

    def spend(self, count: int) -> None:
        self.spent += count
        self.unpacker.bytes += count
        limits = self.unpacker.limits
        if self.spent > RATIO_FROM_BYTES and self.spent > limits.most_ratio * self.packed:
            raise _BadArchiveError(
                "archive-bomb",
                f"The archive unpacks to more than {limits.most_ratio:g} times its size, which no CT does. "
                "It was not unpacked.",
            )
        if self.unpacker.bytes > limits.most_bytes:
            raise _BadArchiveError(
                "archive-too-large",
                f"The archive unpacks to more than {limits.most_bytes / 2**30:.3g} GB. Send it in parts.",
            )


def _refused_member(info: zipfile.ZipInfo, place: int) -> tuple[str, str] | None:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "link", f"Entry {place} of the archive is a link or a device, not a file. It was left out."
    # orig_filename: ZipInfo itself cuts a name at its first zero byte.
    name = info.orig_filename
    posix, windows = PurePosixPath(name.replace("\\", "/")), PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or ".." in posix.parts or "\0" in name:
        return "path-leaves-archive", f"The path of entry {place} leads out of the archive. It was left out."
    return None
