"""One reader as a process: claims case after case from the pool, writes once a second, locks, claims the next."""

from __future__ import annotations

import sys
import time
from typing import Any
from uuid import uuid4

from django.utils import timezone

from tests.soak.person import Person, main

#: Every so many vertebrae one is a fracture.
FRACTURE_EVERY = 4


class Reader(Person):
    """What a resident does, over the API alone."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.read: int | None = None
        self.seq = 0
        self.script: list[tuple[str, dict[str, Any]]] = []
        self.said = 0

    def tick(self) -> None:
        """One write; before the first of a case its claim, after the last its lock."""
        if self.read is None and not self._claim():
            return
        verb, payload = self.script.pop(0)
        operation = {
            "uuid": str(uuid4()),
            "base_seq": self.seq,
            "verb": verb,
            "payload": payload,
            "client_at": timezone.now().isoformat(),
        }
        answer = self.write(f"/api/reads/{self.read}/operations", operation)
        if answer is not None:
            self.seq = answer["seq"]
            self.report("written", uuid=operation["uuid"], read=self.read, seq=self.seq)
        if not self.script:
            self._lock()

    def _claim(self) -> bool:
        answer = self.visitor.post("/api/worklist/next", {})
        if answer.status != 200 or answer.json().get("read") is None:
            self.trouble("claim", answer)
            return False
        opened = answer.json()
        room = opened["room"]
        self.read, self.seq = opened["read"], room["read"]["seq"]
        self.report("claimed", read=self.read, case=room["case"]["id"])
        for vertebra in room["vertebrae"]:
            self.said += 1
            one = {"vertebra": vertebra["id"]}
            if self.said % FRACTURE_EVERY == 0:
                self.script.append(("set_verdict", {**one, "verdict": "fracture"}))
                self.script.append(("set_ao", {**one, "ao_body": "A1"}))
            else:
                self.script.append(("set_verdict", {**one, "verdict": "negative"}))
        return True

    def _lock(self) -> None:
        answer = self.visitor.post(f"/api/reads/{self.read}/lock", {"base_seq": self.seq})
        if answer.status == 200:
            self.report("locked", read=self.read)
        else:
            self.trouble("lock", answer)
        self.read = None


if __name__ == "__main__":
    start = time.perf_counter()
    sys.exit(main(Reader, start))
