/** The commands of the case as a whole: report, levels, skipping, opening again. */

import type { Command } from "./command.ts";

export const caseCommands = {} as const satisfies Record<string, Command>;
