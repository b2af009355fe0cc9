"""Frames per second over WADO-RS, ours beside Debian's Orthanc: the same instances, the same run, the same client.

    python -m pytest tests/bench/wado.py -s

Both serve 40 slices of 1024 x 512 pixels over loopback to four connections that are kept alive, in turns, so that what
else the machine does falls on both. Orthanc stores the JPEG-LS instances that we serve, and is asked for them as
JPEG-LS (as stored: nothing to decode) and as explicit little endian (decoded on demand, as ours). It gets TCP_NODELAY
and no login; ours asks for a session each time. The processor's time per frame is printed too: it depends less on how
busy the machine is.
"""

import http.client
import itertools
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from labeling.api.dicomweb.instances import files
from labeling.imaging.codec import FramePackWriter
from labeling.models import Case, Slice, Stack
from tests import factories

SLICES, ROWS, COLUMNS = 40, 1024, 512
CONNECTIONS = 4
SECONDS = 3.0
TURNS = 3
ORTHANC = Path("/usr/sbin/Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
OUR_PORT, ORTHANC_PORT, ORTHANC_DICOM_PORT = 18050, 18042, 14242

#: As `make run` starts it.
GUNICORN = [
    "--worker-class",
    "gthread",
    "--workers",
    "2",
    "--threads",
    "8",
    "--keep-alive",
    "30",
    "--log-level",
    "error",
]

SYNTAXES = {
    "JPEG-LS as stored": f'multipart/related; type="image/jls"; transfer-syntax={JPEGLSLossless}',
    "explicit little endian": (
        f'multipart/related; type="application/octet-stream"; transfer-syntax={ExplicitVRLittleEndian}'
    ),
}


def slices() -> Iterator[NDArray[np.uint16]]:
    """Waves with the noise of a CT: they compress about as a spine does (2.3 to 1)."""
    random = np.random.default_rng(0)
    r, c = np.mgrid[0:ROWS, 0:COLUMNS]
    for k in range(SLICES):
        wave = 1200 + 600 * np.sin(r / 37 + k / 5) * np.cos(c / 29)
        yield (wave + random.normal(0, 25, (ROWS, COLUMNS))).clip(0, 4095).astype(np.uint16)


@pytest.fixture
def case(transactional_db: None) -> Case:
    """A case whose stack is a real pack of full size."""
    case = factories.make_bare_case()
    name = "stacks/bench.jls"
    path = Path(settings.MEDIA_ROOT) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with FramePackWriter(path) as writer:
        packed = writer.write_all(slices())
    stack = factories.make_stack(case, slices=1)
    Slice.objects.filter(stack=stack).delete()
    fields = {one.name: getattr(stack, one.name) for one in Stack._meta.fields if one.name != "id"}
    fields |= {"pack": name, "rows": ROWS, "columns": COLUMNS, "slices_count": SLICES, "series_uid": factories.uid()}
    stack = Stack.objects.create(**{**fields, "recipe_sha": "bench"})
    Slice.objects.bulk_create(
        Slice(
            sop_uid=f"{stack.series_uid}.{k + 1}",
            stack=stack,
            k=k,
            position=[3.0 * k, 0, 0],
            position_mm=3.0 * k,
            offset=frame.offset,
            length=frame.length,
            pixel_sha256=frame.sha256,
        )
        for k, frame in enumerate(packed)
    )
    case.reading_stack = stack
    case.save()
    return case


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A server that answers on a port; it ends with the block."""
    process = psutil.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if process.poll() is not None:
                pytest.fail(f"{command[0]} ended with {process.returncode}.")
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def ours(state: Path) -> Iterator[psutil.Process]:
    """The application as it is deployed, on the database of this test."""
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"]
    head, _, query = url.partition("?")
    environment = {
        "DATABASE_URL": f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else ""),
        "SAGITTAL_STATE": str(state),
    }
    command = [sys.executable, "-m", "gunicorn", "config.wsgi:application", "-b", f"127.0.0.1:{OUR_PORT}", *GUNICORN]
    with running(command, OUR_PORT, environment) as process:
        yield process


@contextmanager
def orthanc(folder: Path, instances: list[bytes]) -> Iterator[psutil.Process]:
    """Debian's Orthanc with these instances."""
    file = folder / "orthanc.json"
    file.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "orthanc"),
                "IndexDirectory": str(folder / "orthanc"),
                "HttpPort": ORTHANC_PORT,
                "DicomPort": ORTHANC_DICOM_PORT,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "KeepAlive": True,
                "TcpNoDelay": True,
                "HttpThreadsCount": 8,
                "Plugins": [str(PLUGIN)],
            }
        )
    )
    with running([str(ORTHANC), str(file)], ORTHANC_PORT, {"TCP_NODELAY": "1"}) as process:
        for data in instances:
            request = urllib.request.Request(f"http://127.0.0.1:{ORTHANC_PORT}/instances", data=data, method="POST")
            urllib.request.urlopen(request, timeout=60).read()
        yield process


def processor_seconds(process: psutil.Process) -> float:
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


class KeptAlive:
    """One connection that is kept alive, with next to no work of its own.

    `http.client` spends more on parsing one answer's headers than a fast server on sending the frame, and so measures
    itself. This reads the length out of the headers and the body into one buffer.
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(4 * 1024**2)
        self.view = memoryview(self.buffer)

    def get(self, request: bytes) -> None:
        """Send a prepared request and take the whole answer; raises unless it is a 200 with a length."""
        self.socket.sendall(request)
        have, end = 0, -1
        while end < 0:
            have += self._read(have)
            end = self.buffer.find(b"\r\n\r\n", 0, have)
        head = bytes(self.view[:end]).lower()
        length = re.search(rb"content-length: *(\d+)", head)
        if not head.startswith((b"http/1.1 200", b"http/1.0 200")) or length is None:
            raise RuntimeError(head.split(b"\r\n", 1)[0].decode())
        left = end + 4 + int(length[1]) - have
        while left > 0:
            # The body is not looked at, and Linux takes it off the socket without copying it (tcp(7), MSG_TRUNC): what
            # the client does not need, both servers may have.
            left -= self._taken(self.socket.recv_into(self.view, min(left, len(self.view)), socket.MSG_TRUNC))

    def _read(self, at: int) -> int:
        return self._taken(self.socket.recv_into(self.view[at:]))

    @staticmethod
    def _taken(got: int) -> int:
        if not got:
            raise RuntimeError("The server closed the connection.")
        return got


def asked(port: int, urls: list[str], headers: dict[str, str], seconds: float, once: bool = False) -> int:
    """Frames that came within some seconds over `CONNECTIONS` connections; `once`: each frame once."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    requests = [f"GET {url} HTTP/1.1\r\nHost: localhost:{port}\r\n{lines}\r\n".encode() for url in urls]
    counts = [0] * CONNECTIONS
    stop = time.perf_counter() + seconds

    def ask(number: int) -> None:
        client = KeptAlive(port)
        for turn in itertools.count(number, CONNECTIONS):
            if time.perf_counter() > stop or (once and turn >= len(requests)):
                break
            client.get(requests[turn % len(requests)])
            counts[number] += 1
        client.socket.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def session_of_a_lead() -> str:
    """The Cookie header of somebody who may see the case."""
    client = Client()
    client.force_login(factories.make_user("lead"), backend="django.contrib.auth.backends.ModelBackend")
    # The test's own cache is in memory; the server finds the session in the database.
    key = client.cookies["sessionid"].value
    assert SessionStore(key).exists(key)
    return f"sessionid={key}"


@pytest.mark.pacs
@pytest.mark.timeout(600)
def test_frames_per_second_beside_orthanc(case: Case, tmp_path: Path) -> None:
    stack = case.reading_stack
    assert stack is not None
    chosen = list(Slice.objects.filter(stack=stack).order_by("k"))
    path = f"/studies/{case.study_uid}/series/{stack.series_uid}/instances/"
    urls = [f"/dicomweb{path}{one.sop_uid}/frames/1" for one in chosen]
    theirs = [f"/dicom-web{path}{one.sop_uid}/frames/1" for one in chosen]
    cookie = {"Cookie": session_of_a_lead()}
    with_orthanc = ORTHANC.exists() and PLUGIN.exists()
    instances = list(files(stack, chosen, str(JPEGLSLossless))) if with_orthanc else []
    lines = []
    for syntax, accept in SYNTAXES.items():
        # Apart, so that the idle one takes nothing from the other; in turns, so that both meet the same machine.
        rates: dict[str, list[float]] = {"Sagittal": [], "Orthanc": []}
        costs: dict[str, list[float]] = {"Sagittal": [], "Orthanc": []}
        with ours(tmp_path) as our_process:
            contestants = [("Sagittal", our_process, OUR_PORT, urls, {**cookie, "Accept": accept})]
            if with_orthanc:
                folder = tmp_path / syntax.split()[0]
                folder.mkdir()
                with orthanc(folder, instances) as their_process:
                    contestants.append(("Orthanc", their_process, ORTHANC_PORT, theirs, {"Accept": accept}))
                    measure(contestants, rates, costs)
            else:
                measure(contestants, rates, costs)
        lines += report(syntax, rates, costs)
    print("\n" + "\n".join(lines))
    if not with_orthanc:
        pytest.skip("Orthanc is not installed (apt-get install orthanc orthanc-dicomweb): only ours was measured.")


def measure(contestants: list[Any], rates: dict[str, list[float]], costs: dict[str, list[float]]) -> None:
    """Frames per second and processor seconds per frame: first of each frame once, then of `TURNS` turns."""
    for name, process, port, urls, headers in contestants:
        asked(port, urls[:1], headers, 1.0)  # all processes of the server have answered once
        before, start = processor_seconds(process), time.perf_counter()
        frames = asked(port, urls[1:], headers, 60.0, once=True)
        rates[name].append(frames / (time.perf_counter() - start))
        costs[name].append((processor_seconds(process) - before) / frames)
    for _ in range(TURNS):
        for name, process, port, urls, headers in contestants:
            before, start = processor_seconds(process), time.perf_counter()
            frames = asked(port, urls, headers, SECONDS)
            rates[name].append(frames / (time.perf_counter() - start))
            costs[name].append((processor_seconds(process) - before) / frames)


def report(syntax: str, rates: dict[str, list[float]], costs: dict[str, list[float]]) -> list[str]:
    lines = []
    for what, chosen in (("each frame once", slice(0, 1)), ("again and again", slice(1, None))):
        middle = {
            name: (np.median(rates[name][chosen]), np.median(costs[name][chosen])) for name in rates if rates[name]
        }
        for name, (rate, cost) in middle.items():
            lines.append(f"{syntax}, {what}: {name:<8} {rate:6.0f} frames/s, {1e6 * cost:6.0f} µs processor/frame")
        if "Orthanc" in middle:
            (our_rate, our_cost), (their_rate, their_cost) = middle["Sagittal"], middle["Orthanc"]
            factors = (
                f"{our_rate / their_rate:.1f} times the rate, {their_cost / our_cost:.1f} times per processor second"
            )
            lines.append(f"{syntax}, {what}: ours is {factors}")
    return lines
