/** The one next step of a sitting, for Enter and its button. */

import type { Sitting } from "./sitting.ts";

/** What Enter does now, in the words of its button. */
export function stepOf(sitting: Sitting): { readonly words: string; readonly ready: boolean; readonly lock: boolean } {
  if (!sitting.writable) return { words: sitting.locked ? "Summary" : "What is settled", ready: false, lock: false };
  if (!sitting.current || (sitting.isAsSettled && sitting.allSettled)) return { words: "Lock the consensus", ready: true, lock: true };
  if (sitting.isAsSettled) return { words: "Next difference", ready: true, lock: false };
  const [first] = sitting.missing;
  if (first?.part === "reason" && sitting.digits === "finding") return { words: "Next: why they differ", ready: true, lock: false };
  const others = sitting.data.asked.some((asked) => asked !== sitting.current && !sitting.isDone(asked));
  return { words: others ? "Settle, next difference" : "Settle", ready: first === undefined, lock: false };
}
