/** What a command is, and the questions that decide whether it may be used now. */

import type { Chord } from "./keys.ts";
import { nameOf } from "./model.ts";
import type { Session } from "./session.ts";

export type Group = "Move" | "This slice" | "This vertebra" | "Image" | "Case";

export interface Command {
  readonly label: string;
  readonly group: Group;
  readonly keys: readonly Chord[];
  /** true, or the sentence that says why not. */
  readonly enabled?: (session: Session) => true | string;
  /** For tools that stay on, and for answers that are given. */
  readonly pressed?: (session: Session) => boolean;
  /** A held key repeats it. */
  readonly repeats?: boolean;
  /** It labels the slice that is meant when it is pressed, so that slice must be on screen. */
  readonly needsSlice?: boolean;
  /** A dialog or the comment takes the keys that follow. */
  readonly takesKeys?: boolean;
  /** The command whose button stands for it, where it has none of its own. */
  readonly button?: string;
  readonly run: (session: Session, held: boolean) => void;
}

const LOCKED = "This read is locked.";
const ELSEWHERE = "This read is being written elsewhere. Read here takes it over.";

export const writable = (session: Session): true | string => session.store.writable || (session.room.locked ? LOCKED : ELSEWHERE);

/** A vertebra is chosen and the read may be changed. */
export function vertebraOpen(session: Session): true | string {
  const may = writable(session);
  if (may !== true) return may;
  return session.vertebra ? true : "This case has no vertebrae yet.";
}

/** Also the slice that is meant crosses the vertebra. Whether it is on screen yet is `needsSlice`'s question. */
export function sliceOpen(session: Session): true | string {
  const may = vertebraOpen(session);
  if (may !== true) return may;
  const { vertebra, room } = session;
  const sop = session.sopAt(session.aim);
  if (sop && (vertebra?.sops.includes(sop) || vertebra?.marginSops.includes(sop))) return true;
  return `This slice does not cross ${vertebra ? nameOf(vertebra, room.context) : "this vertebra"}.`;
}

export function rangeOpen(session: Session): true | string {
  const may = vertebraOpen(session);
  if (may !== true) return may;
  return session.anchor?.vertebra === session.vertebra?.id ? true : "A range needs a start: mark a slice, or say that a range starts here.";
}
