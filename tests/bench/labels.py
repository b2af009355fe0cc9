"""Label writes: readers who each label a slice per second, and how many a second the server takes at most."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from tests.bench.installation import Account, Site, make_account
from tests.bench.report import Row, limited, quantile
from tests.bench.scale import Scale
from tests.bench.visitor import Visitor

#: Vertebrae of each read and the slices of their bodies.
LEVELS = ("T6", "T7", "T8", "T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
SLICES, FIRST, LAST = 40, 12, 27
#: A person notices a tenth of a second.
LIMIT_MEDIAN, LIMIT_P95 = 50.0, 100.0


@dataclass
class Desk:
    """One reader with a read of a case of their own, and what happened there."""

    read: int
    vertebrae: Sequence[int]
    sops: Sequence[str]
    visitor: Visitor
    seq: int = 0
    taken: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Label the next slice of the next vertebra, as a key press does."""
        sop = self.sops[self.seq // len(self.vertebrae) % len(self.sops)]
        change = {
            "vertebra": self.vertebrae[self.seq % len(self.vertebrae)],
            "sop_uids": [sop],
            "value": "negative" if self.seq % 3 else "fracture",
            "source": "key",
        }
        now = timezone.now().isoformat()
        answer = self.visitor.post(
            f"/api/reads/{self.read}/operations",
            {
                "uuid": str(uuid.uuid4()),
                "base_seq": self.seq,
                "verb": "label_slices",
                "payload": change,
                "shown": {"sop_uid": sop, "window": [1800, 400], "rendered_at": now},
                "client_at": now,
            },
        )
        self.taken.append(answer.milliseconds)
        if answer.status == 200:
            self.seq = answer.json()["seq"]
        else:
            self.troubles.append(f"{answer.status} {answer.body[:200]!r}")


def run(site: Site, scale: Scale) -> list[Row]:
    """Readers at one write per second each, then all of them as fast as they are answered."""
    desks = [_desk(site, make_account("resident")) for _ in range(scale.readers)]
    try:
        for desk in desks:
            desk.write()  # the processes of the server have each loaded what they need
            desk.taken.clear()
        _together(desks, scale.seconds, _once_a_second)
        steady = [milliseconds for desk in desks for milliseconds in desk.taken]
        troubles = [trouble for desk in desks for trouble in desk.troubles]
        for desk in desks:
            desk.taken.clear()
        taken = _together(desks, scale.burst_seconds, _without_pause)
        burst = [milliseconds for desk in desks for milliseconds in desk.taken]
    finally:
        for desk in desks:
            desk.visitor.__exit__(None, None, None)
    troubles += [trouble for desk in desks for trouble in desk.troubles if trouble not in troubles]
    rate, half, most = len(burst) / taken, quantile(burst, 0.5), quantile(burst, 0.95)
    what = f"label write, {scale.readers} readers at 1 a second, {scale.seconds} s"
    return [
        limited(what, steady, median=LIMIT_MEDIAN, p95=LIMIT_P95),
        Row("label writes refused or broken", f"{len(troubles)} {' '.join(troubles[:1])}", "0", ok=not troubles),
        Row(
            f"label writes at most, {scale.readers} readers without a pause",
            f"{rate:.0f} writes/s, median {half:.0f} ms, p95 {most:.0f} ms",
            f"{scale.readers} writes/s",
            rate / scale.readers,
            rate > scale.readers,
        ),
    ]


def _desk(site: Site, account: Account) -> Desk:
    """A draft of a new case, with its reader at work."""
    from django.contrib.auth.models import User

    from labeling.models import RoundKind
    from labeling.reading.roles import reader_of
    from tests import factories

    reader = reader_of(User.objects.get(username=account.name))
    case = factories.make_case(slices=SLICES)
    anatomy = factories.make_anatomy(case, LEVELS, first_k=FIRST, last_k=LAST)
    read = factories.make_read(case, reader=reader, round=factories.make_round(RoundKind.LABELLING))
    vertebrae = list(anatomy.vertebrae.values_list("vertebra", flat=True))
    return Desk(read.pk, vertebrae, factories.sops_of(read, FIRST, LAST), Visitor(site, account))


def _together(desks: Sequence[Desk], seconds: float, work: Callable[[Desk, float, float], Any]) -> float:
    """All readers at once, each in a thread; the seconds until the last was done. Their starts spread over a second."""
    begun = time.perf_counter()
    end = begun + seconds
    threads = [
        threading.Thread(target=work, args=(desk, begun + place / len(desks), end)) for place, desk in enumerate(desks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def _once_a_second(desk: Desk, start: float, end: float) -> None:
    """By the clock: a slow answer does not put off the next write, so waiting in line shows in the figures."""
    due = start
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        late = max(0.0, time.perf_counter() - due) * 1000
        desk.write()
        desk.taken[-1] += late
        due += 1.0


def _without_pause(desk: Desk, start: float, end: float) -> None:
    while time.perf_counter() < end:
        desk.write()
