import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Bodies } from "../src/reading/bodies.ts";
import { heightsInWords, lossWords } from "../src/reading/heights.ts";
import { heightsMm, POINTS, type Measure, type Point } from "../src/reading/measures.ts";
import { measuresOf, type Measuring } from "../src/reading/measuring.ts";
import { EMPTY_FINDING, EMPTY_STATE, type Vertebra } from "../src/reading/model.ts";
import { Outbox } from "../src/reading/outbox.ts";
import type { Room } from "../src/reading/room-data.ts";
import { Session } from "../src/reading/session.ts";
import { ReadingStore } from "../src/reading/store.ts";
import type { Ring } from "../src/viewer/rings.ts";
import { CASE, L1, L2, MemoryStorage, SOPS, T12 } from "./case.ts";
import { SlowScreen } from "./screen.ts";
import { ContractServer } from "./server.ts";

const SPACING = { rowSpacing: 0.5, columnSpacing: 1 };

/** Slices 3 mm apart, rows 0.5 mm, columns 1 mm; bodies 40 mm apart. */
const viewerSlices = SOPS.map((sopUid, k) => ({
  sopUid,
  frameUrl: "",
  metadata: {
    "00200032": { Value: [k * 3, 0, 0] },
    "00200037": { Value: [0, 1, 0, 0, 0, -1] },
    "00280030": { Value: [0.5, 1] },
  },
}));
const boxOf = (place: number): number[] => [9, 24, 20, 52, -40 * place - 26, -40 * place];
const rows = CASE.vertebrae.map((vertebra, place) => ({ id: vertebra.id, box: boxOf(place) }));

interface Bench {
  readonly session: Session;
  readonly screen: SlowScreen;
  readonly measuring: Measuring;
  readonly bodies: Bodies;
  readonly kept: (vertebra?: Vertebra) => readonly Measure[];
}

function bench(): Bench {
  const storage = new MemoryStorage();
  const outbox = new Outbox({ key: "queue", seq: 0, transport: new ContractServer(), storage });
  const options = { context: CASE, confirmed: EMPTY_STATE, seen: [], writable: true, outbox, storage, historyKey: "history" };
  const store = new ReadingStore(options);
  const room = {
    context: CASE,
    sops: SOPS,
    rows,
    viewerSlices,
    spacing: SPACING,
    locked: false,
    outlinesHidden: false,
    start: { k: 5, vertebra: L1, window: [1800, 400] },
  } as unknown as Room;
  const screen = new SlowScreen(SOPS, 5);
  const session = new Session(room, store, screen);
  screen.session = session;
  screen.draw();
  const bodies = new Bodies(room);
  session.tools.measuring.attach(session, bodies);
  return { session, screen, measuring: session.tools.measuring, bodies, kept: (vertebra = L1) => measuresOf(session, vertebra) };
}

/** L1's mask on slice 5: its box, a little inside. */
const OUTLINE: Ring = [[21, 82], [36, 82], [51, 82], [51, 110], [51, 130], [36, 130], [21, 130], [21, 110]];

test("two clicks keep a length with the current vertebra and the slice on screen", () => {
  const { session, measuring, kept } = bench();
  session.tools.measure("length");
  measuring.click([10, 20]);
  assert.deepEqual(kept(), []);
  measuring.click([13, 28]);
  assert.deepEqual(kept(), [{ kind: "length", sop_uid: SOPS[5], points: [[10, 20], [13, 28]] }]);
  assert.equal(measuring.kind, "length");
  assert.equal(session.store.latest[0]?.label, "L1, length measured");
});

test("a drag keeps a length once, however many places it went through", () => {
  const { session, measuring, kept } = bench();
  session.tools.measure("length");
  for (let step = 1; step <= 20; step += 1) measuring.drawLine([10, 20], [10 + step, 20]);
  measuring.keep();
  assert.equal(kept().length, 1);
  assert.equal(session.store.latest.length, 1);
});

test("undo takes a measure back, redo brings it again, and the hand is empty after either", () => {
  const { session, measuring, kept } = bench();
  session.tools.measure("length");
  measuring.drawLine([10, 20], [30, 20]);
  measuring.letGo();
  assert.ok(measuring.draft?.kept);
  session.undo();
  assert.deepEqual(kept(), []);
  assert.equal(measuring.draft, null);
  session.redo();
  assert.equal(kept().length, 1);
});

test("the heights begin with a proposal from the outline, which is kept by Enter alone", () => {
  const { session, measuring, bodies, kept } = bench();
  bodies.setOutlines({ "5": { [String(L1.labelValue)]: [OUTLINE] } });
  session.tools.measure("heights");
  assert.equal(measuring.draft?.points.length, POINTS.heights);
  assert.deepEqual(kept(), []);
  measuring.keep();
  const [measure] = kept();
  assert.equal(measure?.kind, "heights");
  const { anterior, middle, posterior } = heightsMm(measure as Measure, SPACING);
  for (const height of [anterior, middle, posterior]) assert.ok(Math.abs(height - 24) < 0.1, String(height));
  assert.equal(measuring.draft, null);
});

test("without an outline six clicks make the heights, and the sixth keeps them", () => {
  const { session, measuring, kept } = bench();
  session.tools.measure("heights");
  assert.deepEqual(measuring.draft?.points, []);
  const clicks: Point[] = [[20, 80], [20, 130], [36, 82], [36, 128], [50, 80], [50, 130]];
  for (const point of clicks.slice(0, 5)) measuring.click(point);
  assert.deepEqual(kept(), []);
  measuring.click(clicks[5] as Point);
  assert.deepEqual(kept()[0]?.points, clicks);
});

test("a proposal that nobody moved goes when another vertebra is chosen; one that was moved is kept with its own vertebra", () => {
  const { session, screen, measuring, bodies, kept } = bench();
  const lower: Ring = OUTLINE.map(([column, row]) => [column, row + 80]);
  bodies.setOutlines({ "5": { [String(L1.labelValue)]: [OUTLINE], [String(L2.labelValue)]: [lower] } });
  session.tools.measure("heights");
  session.selectVertebra(L2);
  assert.deepEqual([kept(L1), kept(L2)], [[], []]);
  assert.equal(measuring.draft?.vertebra, L2);
  measuring.moveTo([22, 164]);
  session.selectVertebra(T12);
  screen.draw();
  assert.deepEqual([kept(L1).length, kept(L2).length, kept(T12).length], [0, 1, 0]);
});

test("arrow keys that follow each other are one movement, and Esc takes back what was not kept", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { session, measuring, kept } = bench();
  session.tools.measure("length");
  session.tools.measure("length");
  const [, before] = measuring.draft?.points ?? [];
  assert.ok(before);
  measuring.nudge(1, 0);
  measuring.nudge(1, 0);
  measuring.nudge(0, -1);
  assert.deepEqual(kept(), []);
  mock.timers.tick(700);
  assert.deepEqual(kept()[0]?.points[1], [before[0] + 2, before[1] - 1]);
  assert.equal(session.store.latest.length, 1);
  measuring.nextHandle(1);
  measuring.nudge(5, 0);
  measuring.leave();
  mock.timers.tick(700);
  assert.deepEqual(kept()[0]?.points[1], [before[0] + 2, before[1] - 1]);
  assert.equal(session.store.latest.length, 1);
  assert.equal(measuring.draft, null);
  mock.timers.reset();
});

test("a kept point is moved by a drag in one change, and Delete takes the measure away in another", () => {
  const { session, measuring, kept } = bench();
  session.tools.measure("length");
  measuring.click([10, 20]);
  measuring.click([30, 20]);
  measuring.take(kept()[0] as Measure, 1);
  for (let step = 1; step <= 9; step += 1) measuring.moveTo([30 + step, 20]);
  measuring.letGo();
  assert.deepEqual(kept().map(({ points }) => points), [[[10, 20], [39, 20]]]);
  measuring.remove();
  assert.deepEqual(kept(), []);
  assert.deepEqual(session.store.latest.map(({ label }) => label), ["L1, length deleted", "L1, length changed", "L1, length measured"]);
});

test("a vertebra has one set of heights: those of another slice take its place", () => {
  const { session, screen, measuring, kept } = bench();
  const clicks: Point[] = [[20, 80], [20, 130], [36, 82], [36, 128], [50, 80], [50, 130]];
  session.tools.measure("heights");
  for (const point of clicks) measuring.click(point);
  session.showSlice(6);
  screen.draw();
  for (const point of clicks) measuring.click(point);
  assert.deepEqual(kept().map(({ kind, sop_uid }) => [kind, sop_uid]), [["heights", SOPS[6]]]);
});

test("nothing is measured on a slice that is not on screen yet", () => {
  const { session, measuring, kept } = bench();
  session.tools.measure("length");
  session.showSlice(7);
  measuring.click([10, 20]);
  measuring.click([30, 20]);
  assert.deepEqual(kept(), []);
});

test("a read that cannot be changed takes no measure, and the tool is put away", () => {
  const { session, measuring, kept } = bench();
  session.tools.measure("length");
  session.store.setWritable(false);
  assert.equal(measuring.kind, null);
  measuring.click([10, 20]);
  measuring.click([30, 20]);
  assert.deepEqual(kept(), []);
});

test("what is lost is told against the neighbours that were measured, else against the vertebra's own back", () => {
  const of = (anterior: number, posterior: number): Measure => ({
    kind: "heights",
    sop_uid: SOPS[5] as (typeof SOPS)[number],
    points: [[20, 0], [20, anterior * 2], [35, 0], [35, posterior * 2], [50, 0], [50, posterior * 2]],
  });
  const heights = heightsMm(of(15, 25), SPACING);
  const alone = heightsInWords(L1, heights, EMPTY_STATE, CASE, SPACING);
  assert.equal(alone.reference, "against its posterior height");
  assert.deepEqual(alone.heights.map(({ mm, loss }) => [mm, loss]), [["15.0", "−40 %"], ["25.0", "0 %"], ["25.0", ""]]);
  const findings = {
    [T12.id]: { ...EMPTY_FINDING, measures: [of(24, 24)] },
    [L2.id]: { ...EMPTY_FINDING, measures: [of(26, 26)] },
  };
  const between = heightsInWords(L1, heights, { findings, injuries: {} }, CASE, SPACING);
  assert.equal(between.reference, "against T12 and L2");
  assert.deepEqual(between.heights.map(({ loss }) => loss), ["−40 %", "0 %", "0 %"]);
  assert.equal(lossWords(-0.02), "+2 %");
});

test("a body that a hand placed is a rectangle on the slices that it crosses, and is found under the pointer", () => {
  const { bodies } = bench();
  assert.deepEqual(bodies.rings(5, L1.id), [[[20, 80], [52, 80], [52, 132], [20, 132]]]);
  assert.deepEqual(bodies.rings(1, L1.id), []);
  assert.equal(bodies.at(5, 30, 100), L1);
  assert.equal(bodies.at(5, 30, 10), T12);
  assert.equal(bodies.at(5, 80, 100), null);
  assert.equal(bodies.sliceAt([16, 30, -50]), 5);
});

test("where the mask outlines a vertebra its box is not drawn", () => {
  const { bodies } = bench();
  bodies.setOutlines({ "5": { [String(L1.labelValue)]: [OUTLINE] } });
  assert.deepEqual(bodies.rings(5, L1.id), [OUTLINE]);
  assert.deepEqual(bodies.rings(6, L1.id), []);
  assert.equal(bodies.rings(6, L2.id).length, 1);
});
