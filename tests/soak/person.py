"""What the processes of a soak have in common: a login, a beat of one write a second, and a line of JSON per fact."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.installation import Account, Site
from tests.bench.visitor import Answer, Visitor


class Person:
    """Somebody at work. `milliseconds` holds how long each write took; `by_the_clock`, waiting in line included, for
    whoever does one thing a beat."""

    by_the_clock = True

    def __init__(self, site: Site, account: Account) -> None:
        self.visitor = Visitor(site, account)
        self.milliseconds: list[float] = []

    def tick(self) -> None:
        """One beat of work."""
        raise NotImplementedError

    def report(self, what: str, **facts: Any) -> None:
        """A fact for the judge, who compares it with the database."""
        print(json.dumps({"what": what, **facts}), flush=True)

    def trouble(self, what: str, answer: Answer) -> None:
        self.report("trouble", at=what, status=answer.status, body=answer.body[:300].decode("utf-8", "replace"))

    def write(self, path: str, data: dict[str, Any]) -> Any:
        """One timed write: the answer as JSON, or None where it was refused, which is reported."""
        answer = self.visitor.post(path, data)
        self.milliseconds.append(answer.milliseconds)
        if answer.status == 200:
            return answer.json()
        self.trouble(path, answer)
        return None


def main(kind: type[Person], start: float) -> int:
    """`PORT ACCOUNT PASSWORD OFFSET SECONDS`: log in, say so, wait for a line on standard input, work, report times.

    By the clock: a slow answer does not put off the next write, so waiting in line shows in the figures.
    """
    port, name, password, offset, seconds = sys.argv[1:6]
    person = kind(Site(int(port), Path()), Account(name, password))
    person.report("ready", after=time.perf_counter() - start)
    sys.stdin.readline()
    due = time.perf_counter() + float(offset)
    end = due + float(seconds)
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        late = max(0.0, time.perf_counter() - due) * 1000
        before = len(person.milliseconds)
        person.tick()
        if person.by_the_clock and len(person.milliseconds) > before:
            person.milliseconds[-1] += late
        due += 1.0
    person.report("times", milliseconds=person.milliseconds)
    return 0
