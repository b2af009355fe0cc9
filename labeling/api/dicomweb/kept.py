"""The last frames that were sent, kept in memory up to a number of bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

#: Per process: a whole stack decoded, or three stored ones. Orthanc, beside which we are measured, keeps 128 MB.
KEPT_BYTES = 64 * 1024**2


class KeptFrames:
    """Bodies of answers by what they answer; the one that was not asked for longest goes first."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._bodies: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            body = self._bodies.get(key)
            if body is not None:
                self._bodies.move_to_end(key)
            return body

    def put(self, key: Hashable, body: bytes) -> None:
        """Keep a body; one that is larger than a quarter of the room would drive out too much and is not kept."""
        if len(body) > self._most_bytes // 4:
            return
        with self._lock:
            replaced = self._bodies.pop(key, b"")
            self._bodies[key] = body
            self._bytes += len(body) - len(replaced)
            while self._bytes > self._most_bytes:
                _, oldest = self._bodies.popitem(last=False)
                self._bytes -= len(oldest)

    def clear(self) -> None:
        with self._lock:
            self._bodies.clear()
            self._bytes = 0
