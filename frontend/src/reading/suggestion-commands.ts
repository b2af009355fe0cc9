/** Taking over what a model suggests: one vertebra, or all that remain once everything was seen. */

import { vertebraOpen, writable, type Command } from "./command.ts";
import { contradicts, fracturedSlices } from "./laws.ts";
import { findingOf, nameOf, type Change, type SliceValue, type SopUid, type Vertebra } from "./model.ts";
import { suggesting, suggestionOf, type Suggestion } from "./opinions.ts";
import type { Session } from "./session.ts";

const NONE_SHOWN = "No suggestion is shown here.";

function acceptOpen(session: Session): true | string {
  const may = vertebraOpen(session);
  if (may !== true) return may;
  const { room, vertebra, store } = session;
  if (!suggesting(room) || !vertebra) return NONE_SHOWN;
  const name = nameOf(vertebra, room.context);
  if (!suggestionOf(room, vertebra.id)) return `There is no suggestion for ${name}.`;
  const unseen = vertebra.sops.filter((sop) => !store.seen.has(sop)).length;
  return unseen === 0 || `Possible once every slice of ${name} has been on screen. ${unseen} to go.`;
}

/** Complete vertebrae without a verdict that the model has a suggestion for. */
const withoutVerdict = ({ room, store }: Session): Vertebra[] =>
  room.context.vertebrae.filter(({ id, cut }) => !cut && findingOf(store.state, id).verdict === null && suggestionOf(room, id) !== null);

/** Those of them that may be accepted together: where the reader has labelled a slice otherwise, they decide by itself. */
export const openForAccepting = (session: Session): Vertebra[] =>
  withoutVerdict(session).filter(({ id }) => {
    const suggestion = suggestionOf(session.room, id);
    return suggestion !== null && !contradicts(findingOf(session.store.state, id), valuesOf(suggestion.slices));
  });

/** Slices of complete vertebrae that have not been on screen: all of them have to be before all is accepted. */
export const unseenOfCase = ({ room, store }: Session): number =>
  new Set(room.context.vertebrae.filter(({ cut }) => !cut).flatMap(({ sops }) => sops.filter((sop) => !store.seen.has(sop)))).size;

function acceptAllOpen(session: Session): true | string {
  const may = writable(session);
  if (may !== true) return may;
  if (!suggesting(session.room)) return NONE_SHOWN;
  if (openForAccepting(session).length === 0) {
    return withoutVerdict(session).length === 0
      ? "No suggestion is left: every vertebra that has one has a verdict."
      : "What is left has slice labels that say otherwise. Accept those vertebrae one by one.";
  }
  const unseen = unseenOfCase(session);
  return unseen === 0 || `Possible once every slice has been on screen. ${unseen} to go.`;
}

const accepting = (vertebra: Vertebra, { read, verdict, slices }: Suggestion, all: boolean): Change => ({
  verb: "accept",
  payload: { vertebra: vertebra.id, model_read: read, verdict, slices: valuesOf(slices), all },
});

const valuesOf = (slices: Suggestion["slices"]): Record<SopUid, SliceValue> =>
  Object.fromEntries([...slices].map(([sop, { value }]) => [sop, value]));

/** Whether what stands there is what was suggested, slice by slice. */
function isAccepted(session: Session): boolean {
  const { vertebra, room, store } = session;
  const suggestion = vertebra && suggestionOf(room, vertebra.id);
  if (!vertebra || !suggestion) return false;
  const finding = findingOf(store.state, vertebra.id);
  const fractured = [...suggestion.slices].filter(([, { value }]) => value === "fracture").length;
  const said = [...suggestion.slices].every(([sop, { value }]) => finding.slices[sop]?.value === value);
  return finding.verdict === suggestion.verdict && said && fracturedSlices(finding) === fractured;
}

function accept(session: Session): void {
  const suggestion = session.vertebra && suggestionOf(session.room, session.vertebra.id);
  if (suggestion) session.change(`suggestion accepted, ${suggestion.verdict}`, (vertebra) => accepting(vertebra, suggestion, false));
}

function acceptAll(session: Session): void {
  const open = openForAccepting(session);
  const changes = open.flatMap((vertebra) => {
    const suggestion = suggestionOf(session.room, vertebra.id);
    return suggestion ? [accepting(vertebra, suggestion, true)] : [];
  });
  session.changeTogether(open.length === 1 ? "All, 1 suggestion accepted" : `All, ${open.length} suggestions accepted`, changes);
}

export const suggestionCommands = {
  accept: {
    label: "Accept what the model suggests",
    group: "This vertebra",
    keys: ["a"],
    enabled: acceptOpen,
    pressed: isAccepted,
    run: accept,
  },
  acceptAll: {
    label: "Accept all remaining suggestions",
    group: "Case",
    keys: ["Shift+a"],
    enabled: acceptAllOpen,
    run: acceptAll,
  },
} as const satisfies Record<string, Command>;
