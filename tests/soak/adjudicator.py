"""One member of a panel as a process: opens case after case, settles a difference a second, locks the consensus.

Both adjudicators go through the same cases in the same order, so they meet: what the other wrote first is answered 409,
and who gets it looks again.
"""

from __future__ import annotations

import sys
import time
from typing import Any
from uuid import uuid4

from tests.soak.person import Person, main


class Adjudicator(Person):
    """What a senior does in a consensus, over the API: looks at all of it before each settlement."""

    by_the_clock = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.cases = [int(case) for case in sys.argv[7].split(",")]
        self.round = int(sys.argv[6])
        self.consensus: int | None = None

    def tick(self) -> None:
        if self.consensus is None and not self._open():
            return
        now = self._look()
        if now is None or now["consensus"]["state"] == "locked":
            self.consensus = None
            return
        open_ones = [asked for asked in now["asked"] if str(asked["vertebra"]) not in now["settled"]]
        if not open_ones:
            self._lock(now)
            return
        self._settle(now, open_ones[0]["vertebra"])

    def _open(self) -> bool:
        if not self.cases:
            return False
        answer = self.visitor.post(f"/api/consensus/open/{self.round}/{self.cases.pop(0)}", {})
        if answer.status != 200:
            self.trouble("open", answer)
            return False
        self.consensus = answer.json()["consensus"]
        self.report("opened", consensus=self.consensus)
        return True

    def _look(self) -> Any:
        answer = self.visitor.get(f"/api/consensus/{self.consensus}")
        if answer.status == 200:
            return answer.json()
        self.trouble("look", answer)
        return None

    def _settle(self, now: Any, vertebra: int) -> None:
        settled = {
            "uuid": str(uuid4()),
            "base_seq": now["consensus"]["seq"],
            "vertebra": vertebra,
            "took": "a" if vertebra % 2 else "b",
            "finding": None,
            "injury": None,
            "reason": "borderline",
            "acuity": "unknown",
            "teach": False,
            "explanation": "",
        }
        answer = self.visitor.post(f"/api/consensus/{self.consensus}/settle", settled)
        self.milliseconds.append(answer.milliseconds)
        if answer.status == 200:
            self.report("settled", uuid=settled["uuid"], consensus=self.consensus, vertebra=vertebra)
        elif answer.status == 409:
            self.report("met", consensus=self.consensus)
        else:
            self.trouble("settle", answer)

    def _lock(self, now: Any) -> None:
        answer = self.visitor.post(f"/api/consensus/{self.consensus}/lock", {"base_seq": now["consensus"]["seq"]})
        if answer.status == 200:
            self.report("agreed", consensus=self.consensus)
        elif answer.status == 409:
            self.report("met", consensus=self.consensus)
        else:
            self.trouble("lock", answer)
        self.consensus = None


if __name__ == "__main__":
    start = time.perf_counter()
    sys.exit(main(Adjudicator, start))
