/** The cover over the old case: an image of it that is drawn late must not lift it. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import type { Room } from "../src/reading/room-data.ts";
import { MomentView } from "../src/reading/view/moment-view.ts";

class Part {
  hidden = true;
  readonly children: unknown[] = [];
  replaceChildren(...children: unknown[]): void {
    this.children.splice(0, Infinity, ...children);
  }
  append(...children: unknown[]): void {
    this.children.push(...children);
  }
  setAttribute(): void {}
}

let parts: Record<string, Part> = {};

beforeEach(() => {
  parts = {};
  Object.assign(globalThis, {
    document: {
      querySelector: (selector: string) => (parts[selector] ??= new Part()),
      createElement: () => new Part(),
      createTextNode: (text: string) => text,
    },
  });
});

const room = { caseName: "P000008", person: "60 y", position: null, context: { vertebrae: [] } } as unknown as Room;

test("an image of the old case that is drawn while the next one is asked for leaves it covered", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const moment = new MomentView();
  const [cover, card] = Object.values(parts) as [Part, Part];
  moment.begin();
  moment.drawn();
  assert.equal(cover.hidden, false);
  moment.tell(room, "P000007 is locked and saved.");
  moment.drawn();
  assert.deepEqual([cover.hidden, card.hidden], [true, false]);
  context.mock.timers.tick(2_000);
  assert.equal(card.hidden, true);
});
