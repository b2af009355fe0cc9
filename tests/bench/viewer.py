"""The viewer's goals G1 to G7 and G10 to G12, in Chromium, in the reading room, as a resident."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.bench.browser import SWITCH, Room, forget_frames, fresh_browser, logged_in_room, shape_network
from tests.bench.installation import Site, make_account
from tests.bench.memory import copies_of, entry_row, growth_row
from tests.bench.report import Row, limited, quantile
from tests.bench.scale import Scale
from tests.bench.spine import Spine, write_spine
from tests.bench.visitor import Visitor
from tests.browser.people import SCREEN, launch_chromium

#: In the page: jump to the slice that is farthest from every one that has come, until nearly all have.
FAR_JUMPS = """
async () => {
  const { app, viewer } = window.sagittal;
  const session = app.open;
  const sops = session.room.sops;
  const taken = [];
  for (;;) {
    const came = new Set(performance.getEntriesByType("resource").map(({ name }) => name.split("/").at(-3)));
    const have = sops.flatMap((sop, k) => (came.has(sop) ? [k] : []));
    const distance = (k) => Math.min(...have.map((other) => Math.abs(other - k)));
    const [far] = sops.map((_, k) => k).sort((left, right) => distance(right) - distance(left));
    // The neighbours of what has come are on their way already.
    if (distance(far) < 4) return taken;
    const begun = performance.now();
    session.showSlice(far);
    const shown = await benchClock.until(() => viewer.displayed?.k === far && benchClock.rendered.at(-1)[0], 60000);
    taken.push(shown - begun);
  }
}
"""

#: A window in which the image is 600 pixels wide and high, as the goals G4 and G5 have it.
SMALL = {"width": 1322, "height": 645}

DIGESTS = "(count) => Promise.all(Array.from({ length: count }, (_, k) => window.sagittal.viewer.pixelDigest(k)))"


@dataclass(frozen=True)
class Prepared:
    """Two cases in the database, the resident's reads of them, and what the pixels of the first one are.

    `many` are reads of cases like the first one.
    """

    reads: tuple[int, int]
    many: list[int]
    digests: tuple[str, ...]
    visitor: Visitor


def run(site: Site, scale: Scale) -> list[Row]:
    """Everything the viewer promises about time, and that its pixels are the source's."""
    prepared = _prepare(site, scale)
    with prepared.visitor, sync_playwright() as playwright:
        rows = _starts(playwright, site, scale, prepared)
        browser = launch_chromium(playwright)
        try:
            rows += _in_one_room(browser, site, scale, prepared)
            rows += _far_slices(browser, site, scale, prepared)
        finally:
            version = browser.version
            browser.close()
        # A browser of its own: what the others left behind is not the tab's.
        browser = launch_chromium(playwright)
        try:
            rows.append(growth_row(browser, site, prepared.visitor, prepared.many))
        finally:
            browser.close()
    return [Row("Chromium, software rendering", version), *rows, entry_row()]


# -- the cases -----------------------------------------------------------------------------------------------------


def _prepare(site: Site, scale: Scale) -> Prepared:
    """Bring two spines in by the import itself, and open both as a resident does. Before any browser: Django's ORM does
    not work in a thread whose event loop drives one."""
    account = make_account("resident")
    spines = [write_spine(site.scratch / f"spine{n}", scale, f"BENCH-VIEWER-{n}", seed=n) for n in (1, 2)]
    first, second = (bring_in(spine, account.name) for spine in spines)
    return Prepared(
        (first[0], second[0]), copies_of(first[0], scale.cases_in_one_tab), first[1], Visitor(site, account)
    )


def bring_in(spine: Spine, name: str) -> tuple[int, tuple[str, ...]]:
    """The key of the read, and the expected sha256 of each slice's stored values."""
    from django.contrib.auth.models import User

    from labeling.models import Series, Stack
    from labeling.reading.rounds import open_read

    _deliver([spine.files[0].parent])
    series = Series.objects.filter(case__isnull=False).order_by("-pk")[0]
    _deliver([spine.mask], case=series.case)
    stack = Stack.objects.get(case=series.case)
    if stack.origin != "native" or stack.slices_count != len(spine.files):
        raise RuntimeError("The series was not taken as it is; the viewer would show something else than the source.")
    stored = (spine.values - stack.intercept) / stack.slope
    digests = tuple(hashlib.sha256(frame.round().astype("<i4").astype("<u2").tobytes()).hexdigest() for frame in stored)
    read = open_read(user=User.objects.get(username=name), case_id=stack.case_id)
    return read.pk, digests


def _deliver(paths: Sequence[Path], **options: Any) -> None:
    from labeling.intake import batches
    from labeling.intake.importer import import_batch

    batch = batches.new_batch(None, "bench", "command", **options)
    for path in paths:
        batches.add_path(batch, path)
    batches.finish_batch(batch, announce=False)
    import_batch(batch.uuid)
    batch.refresh_from_db()
    refused = [row.why for row in batch.series.all() if row.outcome in ("refused", "left_out")]
    if batch.state != "done" or refused:
        raise RuntimeError(f"The spine did not come in: {batch.message} {' '.join(refused)}")


# -- the measurements ----------------------------------------------------------------------------------------------


def _starts(playwright: Playwright, site: Site, scale: Scale, prepared: Prepared) -> list[Row]:
    """G1, G2 and G7: each fresh browser opens the read once with nothing in its cache, and once more."""
    cold: list[dict[str, float]] = []
    warm: list[dict[str, float]] = []
    filling = []
    for _ in range(scale.cold_starts):
        with fresh_browser(playwright, site, prepared.visitor) as room:
            room.open(prepared.reads[0])
            room.first_image()
            cold.append(room.milestones())
            filling.append(room.whole_stack()[1])
            room.leave()
            room.open(prepared.reads[0])
            room.first_image()
            warm.append(room.milestones())
    return [
        limited("G1 first image, cold", [each["on screen"] for each in cold], median=3000),
        Row("where that time goes", _line_up(cold)),
        limited("G2 first image, warm bundle", [each["on screen"] for each in warm], median=1800),
        Row("where that time goes", _line_up(warm)),
        limited(f"G7 all {scale.slices} slices in the cache, from the first one asked for, cold", filling, p95=2500),
    ]


def _line_up(starts: Sequence[dict[str, float]]) -> str:
    """What was there when, in the middle of the starts."""
    middle = {name: quantile([start[name] for start in starts], 0.5) for name in starts[0]}
    return ", ".join(f"{name} {milliseconds:.0f}" for name, milliseconds in middle.items()) + " ms"


def _in_one_room(browser: Browser, site: Site, scale: Scale, prepared: Prepared) -> list[Row]:
    """G3, G4, G5 and G12, in one browser that stays."""
    context = browser.new_context(viewport=SMALL)  # type: ignore[arg-type]  # a TypedDict of the same two numbers
    room = logged_in_room(context, site, prepared.visitor)
    # Its pixels are those of the first case, and nobody has opened it for writing yet.
    room.open(prepared.many[0])
    room.whole_stack()
    room.wait("() => document.querySelectorAll('[data-room=canvas] .outline').length", "The outlines")
    hand = room.page.evaluate("() => window.sagittal.viewer.hand")
    small = _steps(room, scale, f"drawn by the {hand}")
    room.page.set_viewport_size(SCREEN)  # type: ignore[arg-type]  # a TypedDict of the same two numbers
    large = _steps(room, scale, f"drawn by the {hand}", "the same, ")
    digests = room.page.evaluate(DIGESTS, scale.slices)
    equal = sum(got == wanted for got, wanted in zip(digests, prepared.digests, strict=True))
    rows = [
        *small,
        *large,
        Row(
            "G12 frames in the browser equal to the source", f"{equal}/{scale.slices}", "all", ok=equal == scale.slices
        ),
        *_switches(room, scale, prepared),
    ]
    context.close()
    return rows


def _steps(room: Room, scale: Scale, drawn: str, again: str = "") -> list[Row]:
    """G4 and G5 in a window of this size."""
    where = f"{room.viewport()}, {drawn}"
    outlined = _step(room, scale)
    room.page.keyboard.press("m")
    room.wait("() => !window.sagittal.app.open.tools.outlines", "The key M")
    plain = _step(room, scale)
    room.page.keyboard.press("m")
    room.wait("() => window.sagittal.app.open.tools.outlines", "The key M")
    return [
        limited(f"{again}G4 slice in the cache, outlines off, {where}", plain, median=40, p95=150),
        limited(f"{again}G5 slice in the cache, outlines on, {where}", outlined, median=40, p95=200),
    ]


def _step(room: Room, scale: Scale) -> list[float]:
    """Times of real key presses, to the end of the stack and back again."""
    room.press("ArrowDown")
    taken = []
    direction = "ArrowDown"
    for _ in range(scale.steps):
        at = room.page.evaluate("() => window.sagittal.app.open.k")
        if at in (0, scale.slices - 1):
            direction = "ArrowUp" if at else "ArrowDown"
        taken.append(room.press(direction))
    return taken


def _switches(room: Room, scale: Scale, prepared: Prepared) -> list[Row]:
    """G3: from one case to the other and back on the same page. The goal counts on frames fetched ahead, as they are in
    the browser's cache from the second time on, and as `prefetch.ts` leaves them there."""
    known: list[float] = []
    unknown: list[float] = []
    for turn in range(2 * scale.switches + 2):
        fetch = turn >= scale.switches + 2
        if fetch:
            forget_frames(room)
        taken = room.page.evaluate(SWITCH, prepared.reads[(turn + 1) % 2])
        if turn >= 2:
            (unknown if fetch else known).append(taken)
    return [
        limited("G3 next case on the same page, its frames in the browser's cache", known, p95=250),
        Row(
            "the same, nothing of it fetched ahead",
            f"median {quantile(unknown, 0.5):.0f} ms, p95 {quantile(unknown, 0.95):.0f} ms (n = {len(unknown)})",
            "",
        ),
    ]


def _far_slices(browser: Browser, site: Site, scale: Scale, prepared: Prepared) -> list[Row]:
    """G6: jumps to slices that have not been fetched, in rooms opened over a shaped network."""
    first, whole, jumps = [], [], []
    for _ in range(scale.shaped_loads):
        context = browser.new_context(viewport=SCREEN)  # type: ignore[arg-type]  # a TypedDict of the same two numbers
        room = logged_in_room(context, site, prepared.visitor)
        shape_network(room, megabits=100, milliseconds=5)
        room.open(prepared.reads[0])
        first.append(room.first_image())
        jumps += room.page.evaluate(FAR_JUMPS)
        whole.append(room.whole_stack()[0])
        context.close()
    rows = [limited("first image, cold, at 100 Mbit/s and 5 ms", first)]
    if jumps:
        rows.insert(0, limited("G6 slice not fetched yet, at 100 Mbit/s and 5 ms", jumps, p95=500))
    return [*rows, limited(f"from the navigation until all {scale.slices} slices are there, the same", whole)]
