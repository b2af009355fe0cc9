/** What the models suggest for the current vertebra, beside a draft: a quiet line for each, and the way to accept it. */

import { nameOf, type Vertebra } from "../model.ts";
import { abstentionWords, comparedWith, isRevealed, opinionName, scoreWords, slicesWords, suggesting, theOther, truthOf, unbroken, verdictWords, type Opinion } from "../opinions.ts";
import type { Session } from "../session.ts";
import { part, setText } from "./dom.ts";

export class OpinionView {
  private readonly section = part("opinions");
  private readonly box = part("suggest");
  private readonly beside = part("opinions-beside");
  private readonly all = part("accept-all");
  private readonly legend = part("legend-model");

  /** What stays as long as the read is open, so that nothing moves while the reader goes from vertebra to vertebra. */
  build({ room }: Session): void {
    const { model, locked } = room;
    const isShown = model !== null && model.stage !== "hidden" && !(locked && model.opinions.length > 0);
    this.section.hidden = !isShown;
    this.box.hidden = suggesting(room) === null;
    this.beside.hidden = isShown && model.opinions.length > 0 && besideOf(room.model?.opinions ?? []).length === 0;
    this.all.hidden = locked || suggesting(room) === null;
    this.legend.hidden = (truthOf(room) ?? suggesting(room)) === null;
    setText(part("legend-model-words"), isRevealed(room) ? `${theOther(comparedWith(room))} says fracture` : "suggested");
    this.legend.classList.toggle("revealed", isRevealed(room));
  }

  refresh(session: Session): void {
    if (this.section.hidden) return;
    const { room, vertebra } = session;
    const opinions = room.model?.opinions ?? [];
    setText(this.beside, opinions.length === 0 ? "No model has read this anatomy yet." : besideWords(besideOf(opinions), session));
    const opinion = suggesting(room);
    if (!opinion) return;
    const judged = vertebra && opinion.vertebrae.get(vertebra.id);
    const name = opinionName(opinion);
    const level = vertebra ? nameOf(vertebra, room.context) : "";
    const abstained = !judged || judged.verdict === "not_assessable";
    setText(part("suggestion"), judged && !abstained ? `${name} suggests ${verdictWords(judged.verdict)}` : `${name} did not assess ${level}:`);
    setText(part("suggestion-score"), scoreWords(judged?.score ?? null));
    setText(part("suggestion-more"), unbroken(abstained ? abstentionWords(judged ?? null) : capital(slicesWords(judged, room.sops))));
  }
}

const capital = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}`;

/** Opinions that suggest nothing that could be accepted. */
const besideOf = (opinions: readonly Opinion[]): Opinion[] => opinions.filter(({ kind }) => kind !== "classifier");

const besideWords = (opinions: readonly Opinion[], { vertebra, room }: Session): string =>
  vertebra ? opinions.map((opinion) => besideSentence(opinion, vertebra, nameOf(vertebra, room.context))).join(" ") : "";

/** "Morphometry 1: fracture, 0.87. Anterior height 68 % of the neighbours." */
export function besideSentence(opinion: Opinion, vertebra: Vertebra, level: string): string {
  const name = opinionName(opinion);
  const judged = opinion.vertebrae.get(vertebra.id);
  if (!judged || judged.verdict === "not_assessable") return unbroken(`${name} did not assess ${level}: ${abstentionWords(judged ?? null)}.`);
  const score = scoreWords(judged.score);
  return unbroken(`${name}: ${verdictWords(judged.verdict)}${score && `, ${score}`}.${judged.reason && ` ${judged.reason}`}`);
}
