/** The commands of the case as a whole: report, levels, skipping, opening again. */

import { vertebraOpen, writable, type Command } from "./command.ts";
import type { Session } from "./session.ts";

/** The numbering is the anatomy's, and where a round fixes the anatomy nobody changes it while reading. */
function numberingOpen(session: Session): true | string {
  const may = writable(session);
  if (may !== true) return may;
  if (session.room.context.vertebrae.length === 0) return "This case has no vertebrae yet.";
  return session.room.anatomy.editable || "The numbering is fixed in this read. L says what you would call the level.";
}

function reopenOpen({ room }: Session): true | string {
  if (!room.locked) return "This read is not locked. Write in it as it is.";
  if (room.reopenable) return true;
  const later = room.versions.find(({ version }) => version > room.version);
  return later ? `Version ${later.version} follows this one.` : "This read stays as it was locked.";
}

export const caseCommands = {
  report: {
    label: "Report, fold or unfold",
    group: "Image",
    keys: ["t"],
    enabled: (s) => s.room.report !== null || "There is no report to show.",
    pressed: (s) => s.reportOpen,
    run: (s) => s.toggleReport(),
  },
  level: {
    label: "Level: say or correct it",
    group: "This vertebra",
    keys: ["l"],
    enabled: (s) => (s.room.anatomy.editable ? writable(s) : vertebraOpen(s)),
    takesKeys: true,
    run: (s) => s.open("level"),
  },
  shiftUp: {
    label: "Numbering one further, L1 becomes L2",
    group: "Case",
    keys: ["+"],
    enabled: numberingOpen,
    takesKeys: true,
    run: (s) => s.open("shiftUp"),
  },
  shiftDown: {
    label: "Numbering one back, L2 becomes L1",
    group: "Case",
    keys: ["-"],
    enabled: numberingOpen,
    takesKeys: true,
    run: (s) => s.open("shiftDown"),
  },
  skip: { label: "Skip this case, says why", group: "Case", keys: ["s"], enabled: writable, takesKeys: true, run: (s) => s.open("skip") },
  reopen: {
    label: "Open this read again, says why",
    group: "Case",
    keys: ["Shift+r"],
    enabled: reopenOpen,
    takesKeys: true,
    run: (s) => s.open("reopen"),
  },
} as const satisfies Record<string, Command>;
