import assert from "node:assert/strict";
import { test } from "node:test";

import { centreOf, edgesByNearness, extentOf, Grid, scaleOf, widened, type Box, type Vector } from "../src/anatomy/boxes.ts";
import { checkOf, missingBelow } from "../src/anatomy/check.ts";
import { allRight, isSame, levelsOf, nameByNeighbours, nextCertainty, nextCut, renamed, sentBody, withExtent, without, type Bodies, type Body, type Space } from "../src/anatomy/model.ts";
import { countedOn, place, placeOf } from "../src/anatomy/placing.ts";
import { keptParents, Table, tableKey, type KeptStorage } from "../src/anatomy/table.ts";

/** 40 slices of 3 mm, rows of 1 mm head to feet, columns of 1 mm to the back. */
const GRID = new Grid([40, 200, 100], [
  [3, 0, 0, -60],
  [0, 0, 1, 0],
  [0, -1, 0, 200],
  [0, 0, 0, 1],
]);
const SIZES = { "": [42.5, 32.3, 24.9], T12: [42.5, 32.3, 24.9], L1: [44.5, 33.3, 26.6], L2: [46.3, 34.3, 27.5], L3: [48.3, 35.3, 27.8] } as const;
const SPACE: Space = { grid: GRID, sizes: SIZES };

const body = (level: string, row: number, more: Partial<Body> = {}): Body => ({
  key: level || `at${row}`,
  vertebra: row,
  level,
  certainty: level ? "certain" : "unknown",
  extent: [10, 25],
  box: [-25, 20, 30, 60, 200 - row - 10, 200 - row + 10],
  cut: false,
  cutWhere: "",
  maskOk: null,
  byHand: false,
  labelValue: 20,
  note: "",
  sized: true,
  ...more,
});

const SPINE: Bodies = [body("T12", 40), body("L1", 75), body("L2", 110)];

/** Where a click on a row of the middle slice lies in space. */
const at = (row: number): Vector => GRID.toSpace([20, row, 45]);

class Memory implements KeptStorage {
  readonly values = new Map<string, string>();
  getItem(key: string): string | null {
    return this.values.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.values.set(key, value);
  }
  removeItem(key: string): void {
    this.values.delete(key);
  }
}

test("a place in the stack goes to space and back", () => {
  const oblique = new Grid([9, 8, 7], [
    [2.9, 0.1, -0.2, -7],
    [0.1, 0.05, 0.7, 3],
    [0.2, -0.8, 0.02, 11],
    [0, 0, 0, 1],
  ]);
  for (const index of [[0, 0, 0], [8, 3.5, 6.25], [-2, 7, 1]] as const) {
    const back = oblique.toIndex(oblique.toSpace(index));
    index.forEach((value, axis) => assert.ok(Math.abs(value - (back[axis] as number)) < 1e-9));
  }
});

test("a box as wide as some slices crosses those slices and no other", () => {
  for (let first = 0; first < 40; first += 1) {
    for (let last = first; last < 40; last += 7) {
      assert.deepEqual(extentOf(widened(body("L1", 75).box, [first, last], GRID), GRID), [first, last]);
    }
  }
  assert.equal(extentOf([500, 520, 30, 60, 100, 120], GRID), null);
});

test("clicks from top to bottom count on by themselves and come out in the sizes of their levels", () => {
  let bodies: Bodies = [];
  for (const row of [40, 72, 106]) {
    const result = place(at(row), bodies, "T12", SPACE, `key${row}`);
    assert.ok(result);
    bodies = result.bodies;
  }
  assert.deepEqual(levelsOf(bodies), ["T12", "L1", "L2"]);
  assert.ok(bodies.every((each) => each.byHand && each.maskOk === "missing" && each.certainty === "assumed" && !each.cut));
  const scale = scaleOf(bodies.map((each) => ({ centre: centreOf(each.box), height: SIZES[each.level as "L1"][2] })));
  const widths = bodies.map((each) => Math.round(each.box[1] - each.box[0]));
  assert.deepEqual(widths, [42.5, 44.5, 46.3].map((width) => Math.round(width * scale)));
});

test("a click between two that leave a name out takes that name; where none is free the names below count on", () => {
  const gap = place(at(75), without(SPINE, "L1"), "", SPACE, "new");
  assert.ok(gap);
  assert.deepEqual(levelsOf(gap.bodies), ["T12", "L1", "L2"]);
  const squeezed = place(at(92), SPINE, "", SPACE, "new");
  assert.ok(squeezed);
  assert.deepEqual(levelsOf(squeezed.bodies), ["T12", "L1", "L2", "L3"]);
  assert.deepEqual(squeezed.bodies.map((each) => each.certainty), ["certain", "certain", "assumed", "assumed"]);
  assert.match(squeezed.words, /count on: L2 to L3/);
});

test("a click above the uppermost takes the name above, and the row stays from head to feet", () => {
  assert.equal(placeOf(at(10), SPINE, GRID), 0);
  const above = place(at(15), SPINE, "", SPACE, "new");
  assert.deepEqual(levelsOf(above?.bodies ?? []), ["T11", "T12", "L1", "L2"]);
});

test("a body that reaches out of the image at the top is cut there", () => {
  const placed = place(at(3), [], "L1", SPACE, "new")?.placed;
  assert.equal(placed?.cut, true);
  assert.equal(placed?.cutWhere, "top");
});

test("clicked ones that had no name left get one when the names move up", () => {
  const bodies = [body("L5", 40), body("L6", 75), body("", 110, { vertebra: null }), body("", 145, { vertebra: null })];
  assert.deepEqual(countedOn(bodies, ["L3", "L4", "", ""]), ["L3", "L4", "L5", ""]);
  assert.deepEqual(countedOn(SPINE, ["T11", "", "L1"]), ["T11", "", "L1"], "what a person left unknown stays unknown");
});

test("the slices of a body follow the hand, and never end before they begin", () => {
  const one = body("L1", 75);
  assert.deepEqual(withExtent(one, "first", 12, SPACE).extent, [12, 25]);
  assert.deepEqual(withExtent(one, "first", 30, SPACE).extent, [30, 30]);
  assert.deepEqual(withExtent(one, "last", 4, SPACE).extent, [4, 4]);
  assert.deepEqual(withExtent(one, "last", 99, SPACE).extent, [10, 39]);
  assert.equal(withExtent(one, "first", 10, SPACE), one);
  const boxed = withExtent(body("L1", 75, { byHand: true }), "last", 20, SPACE);
  assert.deepEqual(extentOf(boxed.box, GRID), [10, 20], "the box of one placed by hand goes with it");
});

test("a name that was moved is assumed, one that stayed keeps what it was", () => {
  assert.deepEqual(renamed(SPINE, ["T12", "T13", "L1"], SPACE).map((each) => each.certainty), ["certain", "assumed", "assumed"]);
});

test("certainty goes round: certain, assumed, unknown without a name, and back with the name of its place", () => {
  const [, middle] = SPINE as [Body, Body, Body];
  const unknown = nextCertainty(nextCertainty(middle, ""), "");
  assert.deepEqual([unknown.certainty, unknown.level], ["unknown", ""]);
  const bodies = SPINE.map((each) => (each === middle ? unknown : each));
  const name = nameByNeighbours(bodies, 1, ["T12", "L1", "L2"]);
  assert.deepEqual([nextCertainty(unknown, name).certainty, nextCertainty(unknown, name).level], ["certain", "L1"]);
});

test("cut goes round: complete, the likely borders first, complete again", () => {
  const low: Box = [-25, 20, 30, 60, -4, 20];
  const edges = edgesByNearness(low, GRID);
  assert.deepEqual(edges.slice(0, 2), ["bottom", "top"]);
  let one = body("L1", 180, { box: low });
  const seen = edges.map(() => {
    one = nextCut(one, edges);
    return one.cutWhere;
  });
  assert.deepEqual(seen, edges);
  assert.deepEqual([nextCut(one, edges).cut, nextCut(one, edges).cutWhere], [false, ""]);
});

test("the check asks for every mask, tells names that are left out, and says what is confirmed", () => {
  const missing = without(SPINE, "L1");
  assert.deepEqual(missingBelow(missing, 0), ["L1"]);
  const check = checkOf(missing);
  assert.equal(check.open.length, 1);
  assert.match(check.open[0]?.words ?? "", /Not said of T12 and L2/);
  assert.match(check.statements[0] ?? "", /2 vertebrae in view, T12 to L2 without L1/);
  const whole = checkOf(allRight(SPINE));
  assert.deepEqual(whole.open, []);
  assert.deepEqual(whole.notes, []);
  assert.ok(whole.statements.includes("All masks are right."));
});

test("all right leaves alone what was placed by hand, because there is no mask to be right", () => {
  const mixed = [SPINE[0] as Body, body("L1", 75, { byHand: true, maskOk: "missing" })];
  assert.deepEqual(allRight(mixed).map((each) => each.maskOk), ["yes", "missing"]);
});

test("random steps back and forth, with reloads between, lead to what was said", () => {
  const storage = new Memory();
  const key = tableKey("lena", 7, 3);
  let table = new Table(SPINE, key, storage);
  const model: Bodies[] = [SPINE];
  let now = 0;
  let seed = 5;
  const pick = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
  for (let round = 0; round < 400; round += 1) {
    const act = pick(10);
    if (act < 5) {
      const next = table.bodies.map((each, index) => (index === pick(3) ? withExtent(each, "last", 11 + pick(28), SPACE) : each));
      if (table.change(`step ${round}`, next)) {
        model.length = ++now;
        model.push(next);
        // A hundred steps are kept, and no more.
        if (now > 100) {
          model.shift();
          now -= 1;
        }
      }
    } else if (act < 7) {
      if (table.undo() !== null) now -= 1;
    } else if (act < 9) {
      if (table.redo() !== null) now += 1;
    } else table = new Table(SPINE, key, storage);
    assert.ok(isSame(table.bodies, model[now] as Bodies), `round ${round}`);
  }
});

test("changes of one version are found again under that version, and gone once they became one", () => {
  const storage = new Memory();
  const table = new Table(SPINE, tableKey("lena", 7, 3), storage);
  table.change("all right", allRight(SPINE));
  assert.deepEqual(keptParents("lena", 7, [...storage.values.keys()]), [3]);
  assert.deepEqual(keptParents("lena", 70, [...storage.values.keys()]), []);
  assert.ok(new Table(SPINE, tableKey("lena", 7, 3), storage).foundAt);
  assert.equal(new Table(SPINE, tableKey("lena", 7, 4), storage).foundAt, null);
  table.undo();
  assert.equal(table.isChanged, false);
  table.forget();
  assert.equal(storage.values.size, 0);
});

test("what another page wrote under our name is not taken for changes", () => {
  const storage = new Memory();
  for (const text of ["", "{", "null", "[]", '{"format":2}', '{"format":1,"past":[],"future":[],"now":{}}']) {
    storage.setItem(tableKey("lena", 7, 3), text);
    assert.ok(isSame(new Table(SPINE, tableKey("lena", 7, 3), storage).bodies, SPINE), text);
  }
});

test("what is sent bears the names of the API", () => {
  assert.deepEqual(sentBody(body("L1", 75, { cut: true, cutWhere: "top", maskOk: "no" })), {
    vertebra: 75,
    level: "L1",
    certainty: "certain",
    first_k: 10,
    last_k: 25,
    box: [-25, 20, 30, 60, 115, 135],
    cut: true,
    cut_where: "top",
    mask_ok: "no",
    origin: "segmented",
  });
});
