/** What is not in the record, in words, for a person who has to decide whether to do it again. */

import type { Unsaved } from "./kept-queue.ts";
import type { Change, ReadContext } from "./model.ts";

export interface UnsavedWords {
  readonly title: string;
  readonly why: string;
  readonly changes: readonly string[];
}

export const changesWords = (count: number): string => (count === 1 ? "1 change" : `${count} changes`);

/** One paragraph for each reason, in the order in which it happened. */
export function unsavedWords(list: readonly Unsaved[], context: ReadContext): UnsavedWords {
  const reasons = new Set(list.map(({ why }) => why));
  const sentences = [
    reasons.has("changed") ? "This read was changed elsewhere meanwhile. The screen shows what the record has; nothing was merged." : "",
    reasons.has("locked") ? "This read was locked elsewhere. A locked read never changes." : "",
    reasons.has("refused") ? "The server did not accept what follows." : "",
  ];
  return {
    title: `${changesWords(list.length)} ${list.length === 1 ? "is" : "are"} not in the record`,
    why: sentences.filter(Boolean).join(" "),
    changes: list.map(({ operation, sentence }) => `${describe(operation, context)}${sentence ? `: ${sentence}` : ""}`),
  };
}

/** An operation in words, for a person who has to do it again. */
export function describe(operation: Change, context: ReadContext): string {
  const vertebra = context.vertebrae.find((each) => each.id === operation.payload.vertebra);
  const level = vertebra?.level || "vertebra";
  switch (operation.verb) {
    case "label_slices": {
      const count = operation.payload.sop_uids.length;
      return `${level}, ${count === 1 ? "1 slice" : `${count} slices`} ${operation.payload.value ?? "cleared"}`;
    }
    case "rest_negative":
      return `${level}, rest negative`;
    case "set_verdict":
      return `${level}, ${operation.payload.verdict?.replace("_", " ") ?? "no verdict"}`;
    case "set_ao":
      return `${level}, ${operation.payload.ao_body ? `type ${operation.payload.ao_body}` : "no type"}`;
    case "set_process_fracture":
      return `${level}, ${operation.payload.value ? "process fracture" : "no process fracture"}`;
    case "set_acuity":
      return `${level}, acuity ${operation.payload.acuity}`;
    case "set_unclear":
      return `${level}, ${operation.payload.value ? "unclear" : "not unclear"}`;
    case "set_comment":
      return `${level}, comment`;
    case "set_level_said":
      return `${level}, ${operation.payload.level ? `is ${operation.payload.level}` : "is what the anatomy says"}`;
    case "set_measures":
      return `${level}, measures`;
    case "set_injury":
      return `${level}, ${operation.payload.type ? `segment injury ${operation.payload.type}` : "no segment injury"}`;
    case "accept":
      return `${level}, suggestion accepted, ${operation.payload.verdict}`;
    case "restore":
      return `${level}, put back`;
  }
}

