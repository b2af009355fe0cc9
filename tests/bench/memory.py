"""The viewer's goals G10 and G11: a tab in which case after case is read does not grow, and the entry stays small."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from config.folders import REPOSITORY
from tests.bench.browser import ALL_HERE, SWITCH, Room, logged_in_room
from tests.bench.installation import Site
from tests.bench.report import Row
from tests.bench.visitor import Visitor
from tests.browser.people import SCREEN

MEGABYTE = 1e6
#: G10: what the tab may grow by from case to case.
MOST_PER_CASE = 3.0
#: G11: what the reading room's scripts may weigh on the way, compressed.
LARGEST_ENTRY = 1.05
#: Cases until caches are full and everything has been compiled.
WARMING = 10


def entry_row() -> Row:
    """G11: the entry of the reading room and all that it imports at once, gzip, in megabytes."""
    folder = REPOSITORY / "labeling" / "static" / "viewer"
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = next(name for name, chunk in manifest.items() if chunk["file"] == "reading.js")
    wanted, files = [entry], set()
    while wanted:
        chunk = manifest[wanted.pop()]
        if chunk["file"] not in files:
            files.add(chunk["file"])
            wanted += chunk.get("imports", [])
    size = sum(len(gzip.compress((folder / file).read_bytes())) for file in files) / MEGABYTE
    words = f"{size:.2f} MB in {len(files)} files"
    return Row(
        "G11 scripts of the room, gzip", words, f"≤ {LARGEST_ENTRY} MB", size / LARGEST_ENTRY, size <= LARGEST_ENTRY
    )


def copies_of(read: int, count: int) -> list[int]:
    """As many cases of other patients with the same frames, vertebrae and outlines, each opened by the same reader.

    The frames are read from the same pack, but by addresses of their own: for the browser they are other images.
    """
    from labeling.models import Read

    pattern = Read.objects.select_related("case__patient", "stack__source", "anatomy", "reader__user").get(pk=read)
    return [_copy_of(pattern) for _ in range(count)]


def _copy_of(pattern: Any) -> int:
    from django.db import transaction

    from labeling.models import AnatomyVertebra, Slice, Vertebra
    from labeling.reading.rounds import enter_open_round, open_read

    with transaction.atomic():
        patient = _again(pattern.case.patient, pseudonym=f"M{uuid.uuid4().hex[:8].upper()}")
        case = _again(pattern.case, patient=patient, number=1, study_uid=_uid(), reading_stack=None)
        series = _again(pattern.stack.source, case=case, series_uid=_uid(), source_digest=uuid.uuid4().hex)
        stack = _again(pattern.stack, case=case, source=series, series_uid=_uid(), source_digest=uuid.uuid4().hex)
        case.reading_stack = stack
        case.save()
        slices = list(Slice.objects.filter(stack=pattern.stack))
        for one in slices:
            one.pk, one.stack, one.sop_uid = None, stack, _uid()
        Slice.objects.bulk_create(slices)
        anatomy = _again(pattern.anatomy, case=case, stack=stack, source_digest=uuid.uuid4().hex)
        for row in AnatomyVertebra.objects.filter(anatomy=pattern.anatomy):
            _again(row, anatomy=anatomy, vertebra=Vertebra.objects.create(case=case))
        enter_open_round(case)
    return int(open_read(user=pattern.reader.user, case_id=case.pk).pk)


def _again(row: Any, **values: Any) -> Any:
    """A new row like this one."""
    copy = type(row).objects.get(pk=row.pk)
    copy.pk = None
    copy._state.adding = True
    for name, value in values.items():
        setattr(copy, name, value)
    copy.save()
    return copy


def _uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def growth_row(browser: Browser, site: Site, visitor: Visitor, reads: Sequence[int]) -> Row:
    """G10: the resident memory of the tab's process, after every slice of each case has come, in one tab."""
    context = browser.new_context(viewport=SCREEN)  # type: ignore[arg-type]  # a TypedDict of the same two numbers
    room = logged_in_room(context, site, visitor)
    room.open(reads[0])
    room.whole_stack()
    warming = min(WARMING, len(reads) // 2)
    sizes = []
    for place, read in enumerate(reads[1:], start=2):
        room.page.evaluate(SWITCH, read)
        if place in (warming, len(reads)):
            room.page.evaluate(ALL_HERE)
            sizes.append(_resident(browser, room))
    context.close()
    first, last = sizes
    per_case = (last - first) / (len(reads) - warming)
    words = f"{per_case:+.2f} MB per case: {first:.0f} MB after {warming}, {last:.0f} MB after {len(reads)}"
    limit = f"≤ {MOST_PER_CASE:.0f} MB per case"
    return Row(
        f"G10 growth over {len(reads)} cases in one tab",
        words,
        limit,
        max(0.0, per_case) / MOST_PER_CASE,
        per_case <= MOST_PER_CASE,
    )


def _resident(browser: Browser, room: Room) -> float:
    """Megabytes that the page's process holds in memory, after it has thrown away what nobody needs."""
    session = room.page.context.new_cdp_session(room.page)
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
        room.page.wait_for_timeout(500)
    session.detach()
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return max(_resident_of(one["id"]) for one in processes if one["type"] == "renderer")


def _resident_of(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    raise RuntimeError(f"The kernel does not say what process {process} holds in memory.")
