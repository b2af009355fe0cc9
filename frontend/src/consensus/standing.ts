/** How the differences are settled as far as this screen knows: by the server, and by what is on its way there. */

import type { Vertebra } from "../reading/model.ts";
import { stateOf } from "../reading/transport.ts";
import { choiceOfBody, choiceOfSettled, type Choice } from "./choice.ts";
import type { SettledAnswer } from "./shapes.ts";
import type { Writes } from "./writes.ts";

export class Standing {
  private readonly writes: Writes;
  private there: Pick<SettledAnswer, "settled" | "state">;

  constructor(there: Pick<SettledAnswer, "settled" | "state">, writes: Writes) {
    this.there = there;
    this.writes = writes;
    writes.events.on("answered", ({ settled, state }) => (this.there = { settled, state }));
  }

  settledOf(vertebra: Vertebra): Choice | null {
    const there = this.there.settled[String(vertebra.id)];
    let settled = there ? choiceOfSettled(there, stateOf(this.there.state), vertebra) : null;
    for (const write of this.writes.pending) {
      if (write.vertebra === vertebra.id) settled = write.kind === "settle" ? choiceOfBody(write) : null;
    }
    return settled;
  }
}
