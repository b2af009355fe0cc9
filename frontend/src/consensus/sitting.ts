/** One consensus on screen: what its commands act on. Knows the record, the queue and the picture, and no DOM. */

import { Emitter } from "../emitter.ts";
import type { ImageScreen } from "../reading/session.ts";
import { nameOf, type Acuity, type SopUid, type Vertebra } from "../reading/model.ts";
import { bodyOf, missingOf, NO_CHOICE, resultOf, sameChoice, takes, takesNeither, takesSlices, undecided } from "./choice.ts";
import type { Choice, Missing, Result } from "./choice.ts";
import { byLevel, type Asked, type ConsensusData } from "./data.ts";
import type { Drafts } from "./drafts.ts";
import type { Digits, Panel, SittingEvents, Step } from "./events.ts";
import { OwnFinding } from "./own-finding.ts";
import { ScreenTools } from "./screen-tools.ts";
import type { ConsensusJson, Letter } from "./shapes.ts";
import { Standing } from "./standing.ts";
import type { Waiting, Writes } from "./writes.ts";

const ACUITIES: readonly Acuity[] = ["unknown", "acute", "old"];
/** An open text is one step back, however many letters it has. */
const TEXT_STEP = "explanation";

export class Sitting {
  readonly events = new Emitter<SittingEvents>();
  readonly writes: Writes;
  readonly screen: ImageScreen;
  readonly tools: ScreenTools;
  /** What the panel says where it takes neither read. */
  readonly own: OwnFinding;
  private readonly drafts: Drafts;
  private known: ConsensusData;
  private readonly standing: Standing;
  private now: Asked | null;
  private harmFirst = true;
  private digitsMean: Digits = "reasons";
  private steps: readonly Step[] = [];
  private lastStep = "";

  constructor(data: ConsensusData, options: { readonly writes: Writes; readonly drafts: Drafts; readonly screen: ImageScreen }) {
    this.known = data;
    this.writes = options.writes;
    this.drafts = options.drafts;
    this.standing = new Standing(data.json, options.writes);
    this.screen = options.screen;
    this.tools = new ScreenTools(options.screen, data.json.round.rules.outlines !== "hidden", () => this.changed());
    this.own = new OwnFinding(this);
    this.now = this.asked.find(({ vertebra }) => vertebra.id === this.drafts.vertebra) ?? this.firstOpen ?? this.asked[0] ?? null;
    this.digitsMean = this.digitsFor(this.choice);
    this.writes.events.on("changed", () => this.changed());
    // Before anything is asked of the server: what was not written lies in the drafts, whatever comes next.
    this.writes.events.on("conflict", ({ lost }) => this.takeUpAgain(...lost));
    this.writes.events.on("gone", ({ lost, sentence }) => {
      this.takeUpAgain(...lost);
      this.patch({ hindrance: sentence, consensus: { ...this.known.json.consensus, writable: false } });
    });
  }

  // ---------------------------------------------------------------- what there is

  get data(): ConsensusData {
    return this.known;
  }

  /** In the order that was chosen. */
  get asked(): readonly Asked[] {
    return this.harmFirst ? this.known.asked : byLevel(this.known.asked, this.known.context);
  }

  get current(): Asked | null {
    return this.now;
  }

  get vertebra(): Vertebra | null {
    return this.now?.vertebra ?? null;
  }

  get order(): "harm" | "level" {
    return this.harmFirst ? "harm" : "level";
  }

  get digits(): Digits {
    return this.digitsMean;
  }

  get k(): number {
    return this.screen.destination;
  }

  get writable(): boolean {
    return this.known.json.consensus.writable;
  }

  get locked(): boolean {
    return this.known.json.consensus.state === "locked";
  }

  name(vertebra: Vertebra): string {
    return nameOf(vertebra, this.known.context);
  }

  settledOf(vertebra: Vertebra): Choice | null {
    return this.standing.settledOf(vertebra);
  }

  isSettled = ({ vertebra }: Asked): boolean => this.settledOf(vertebra) !== null;

  get settledCount(): number {
    return this.known.asked.filter(this.isSettled).length;
  }

  /** Settled, and chosen otherwise since: a lock would throw that choice away. */
  isChanged = ({ vertebra }: Asked): boolean => {
    const settled = this.settledOf(vertebra);
    return settled !== null && !sameChoice(settled, this.choiceOf(vertebra));
  };

  /** Settled as it is chosen. */
  isDone = (asked: Asked): boolean => this.isSettled(asked) && !this.isChanged(asked);

  get allSettled(): boolean {
    return this.known.asked.every(this.isDone);
  }

  /** What is chosen on the current vertebra, settled or not. */
  get choice(): Choice {
    return this.vertebra ? this.choiceOf(this.vertebra) : NO_CHOICE;
  }

  choiceOf(vertebra: Vertebra): Choice {
    return this.drafts.of(vertebra.id) ?? this.settledOf(vertebra) ?? NO_CHOICE;
  }

  /** Settled, and nothing was changed since. */
  get isAsSettled(): boolean {
    const settled = this.vertebra && this.settledOf(this.vertebra);
    return settled !== null && sameChoice(settled, this.choice);
  }

  /** What the vertebra would be settled as. */
  get result(): Result | null {
    return this.vertebra && resultOf(this.choice, this.known, this.vertebra);
  }

  get missing(): readonly Missing[] {
    return this.now ? missingOf(this.choice, this.known, this.now) : [];
  }

  /** Of a by-slice choice: the slices that wait for a word. */
  get undecided(): readonly SopUid[] {
    return this.now ? undecided(this.choice, this.now) : [];
  }

  /** Whether F and N speak of the slice on screen, or of the vertebra. */
  get saysSlices(): boolean {
    return this.known.context.unit === "slice" || this.choice.bySlice;
  }

  say(sentence: string): void {
    this.events.emit("said", sentence);
  }

  open(panel: Panel): void {
    this.events.emit("open", panel);
  }

  nameOfId(id: number): string {
    const vertebra = this.known.context.vertebrae.find((each) => each.id === id);
    return vertebra ? this.name(vertebra) : "a vertebra";
  }

  /** What was not written is chosen again, and not settled; what was chosen or sent since is newer, and stays. */
  takeUpAgain(...writes: readonly Waiting[]): void {
    this.drafts.takeUp(writes, this.writes.pending);
    this.changed();
  }

  /** The same consensus from before a reload: how one looks at it stays. */
  lookAs(before: Sitting): void {
    this.harmFirst = before.harmFirst;
    this.tools.as(before.tools);
  }

  /** Something beside the settlements changed on the server: members, questions, the report. */
  patch(json: Partial<ConsensusJson>): void {
    this.known = { ...this.known, json: { ...this.known.json, ...json } };
    this.changed();
  }

  // ---------------------------------------------------------------- moving about

  select(asked: Asked, k: number | null = null): void {
    this.now = asked;
    this.drafts.goTo(asked.vertebra.id);
    this.digitsMean = this.digitsFor(this.choice);
    this.lastStep = "";
    if (k !== null) this.screen.show(k);
    else this.tools.showDifference(asked, this.known.context);
    this.changed();
  }

  selectVertebra(vertebra: Vertebra): void {
    const asked = this.known.asked.find((each) => each.vertebra === vertebra);
    if (asked) this.select(asked);
    else this.tools.showBody(vertebra);
  }

  stepAsked(delta: 1 | -1): void {
    const { asked } = this;
    const next = asked[this.now ? asked.indexOf(this.now) + delta : 0];
    if (next) this.select(next);
    else this.say(delta > 0 ? "This is the last difference." : "This is the first difference.");
  }

  nextOpen(): void {
    if (this.openAfterThis) this.select(this.openAfterThis);
    else if (this.known.asked.length === 0) this.say("Nothing differs.");
    else this.say(this.allSettled ? "Every difference is settled. Enter shows what would be locked." : "Every other difference is settled.");
  }

  endOfVertebra(end: 0 | 1): void {
    if (this.vertebra?.extent) this.screen.show(this.vertebra.extent[end]);
  }

  toggleOrder(): void {
    this.harmFirst = !this.harmFirst;
    this.changed();
  }

  // ---------------------------------------------------------------- choosing

  take(letter: Letter): void {
    const { vertebra } = this;
    if (!vertebra) return;
    this.choose(takes(this.choice, letter, this.known, vertebra));
    this.setDigits("reasons");
  }

  takeNeither(): void {
    const { vertebra } = this;
    if (!vertebra) return;
    this.choose(takesNeither(this.choice, this.known, vertebra));
    this.setDigits("finding");
  }

  takeSlices(): void {
    if (!this.now) return;
    if (!this.choice.bySlice) this.choose(takesSlices(this.choice, this.known, this.now));
    this.setDigits("finding");
    this.toUndecided();
  }

  setDigits(digits: Digits): void {
    this.digitsMean = digits;
    this.changed();
  }

  digit(value: number): void {
    if (this.digitsMean === "finding" && this.choice.took === "neither") {
      const type = ([undefined, "A1", "A2", "A3", "A4"] as const)[value];
      if (type) this.own.setType(type);
      else if (value === 0) this.own.toggleProcess();
      else this.say("The digits are AO types now: 1 to 4, and 0 for a process fracture. Y gives them back to the reasons.");
      return;
    }
    const { reasons } = this.known.json;
    const reason = reasons[value === 0 ? 9 : value - 1];
    if (reason) this.setReason(reason.code);
    else this.say(`There are ${reasons.length} reasons.`);
  }

  setReason(reason: string): void {
    this.choose({ ...this.choice, reason });
    this.setDigits("reasons");
  }

  setAcuity(acuity: Acuity): void {
    this.choose({ ...this.choice, acuity });
  }

  cycleAcuity(): void {
    const next = ACUITIES[(ACUITIES.indexOf(this.choice.acuity) + 1) % ACUITIES.length] as Acuity;
    this.setAcuity(next);
  }

  toggleTeach(): void {
    this.choose({ ...this.choice, teach: !this.choice.teach });
    if (this.choice.teach) this.events.emit("focusExplanation", null);
  }

  setExplanation(explanation: string): void {
    if (explanation !== this.choice.explanation) this.choose({ ...this.choice, explanation, teach: true }, TEXT_STEP);
  }

  /** The choice goes; what was settled stays settled until another choice is. */
  clear(): void {
    const { vertebra } = this;
    if (!vertebra) return;
    const settled = this.settledOf(vertebra);
    if (this.drafts.of(vertebra.id)) this.choose(null);
    else if (settled) this.takeBack(vertebra, settled);
    else this.say("Nothing is chosen here yet.");
  }

  /** To the nearest slice that waits for a word. */
  toUndecided(): void {
    this.tools.showNearest(this.undecided, this.known.context);
  }

  // ---------------------------------------------------------------- settling

  /** Enter: the one next step. */
  advance(): void {
    if (!this.writable || this.known.asked.length === 0 || (this.isAsSettled && this.allSettled)) {
      this.open("summary");
      return;
    }
    if (this.isAsSettled) {
      this.nextOpen();
      return;
    }
    const [first] = this.missing;
    if (first?.part === "reason" && this.digitsMean === "finding") {
      this.setDigits("reasons");
      this.say("Now say why they differ.");
    } else if (first) {
      this.say(first.sentence);
      this.events.emit("missing", first.part);
    } else this.settle();
  }

  private settle(): void {
    const { vertebra, choice } = this;
    if (!vertebra) return;
    this.steps = [...this.steps, { kind: "settled", vertebra: vertebra.id, before: this.settledOf(vertebra), draft: choice }];
    this.drafts.set(vertebra.id, null);
    this.writes.add({ kind: "settle", ...bodyOf(choice, this.known, vertebra) });
    const next = this.openAfterThis;
    if (next) this.select(next);
    this.say(next ? `${this.name(vertebra)} settled. ${this.name(next.vertebra)} is next.` : `${this.name(vertebra)} settled. Every difference is settled now.`);
  }

  undo(): void {
    const step = this.steps.at(-1);
    const asked = step && this.known.asked.find(({ vertebra }) => vertebra.id === step.vertebra);
    if (!step || !asked) {
      this.say("Nothing to undo.");
      return;
    }
    this.steps = this.steps.slice(0, -1);
    const { vertebra } = asked;
    if (step.kind === "choice") this.drafts.set(vertebra.id, step.before);
    else {
      this.drafts.set(vertebra.id, step.draft);
      if (step.before) this.writes.add({ kind: "settle", ...bodyOf(step.before, this.known, vertebra) });
      else this.writes.add({ kind: "unsettle", vertebra: vertebra.id });
    }
    if (asked !== this.now) this.select(asked);
    this.digitsMean = this.digitsFor(this.choice);
    this.lastStep = "";
    this.say(step.kind === "choice" ? `${this.name(vertebra)}: as before.` : `${this.name(vertebra)} is ${step.before ? "settled as before" : "not settled any more"}.`);
    this.changed();
  }

  get undoable(): boolean {
    return this.steps.length > 0;
  }

  private takeBack(vertebra: Vertebra, settled: Choice): void {
    this.steps = [...this.steps, { kind: "settled", vertebra: vertebra.id, before: settled, draft: settled }];
    this.writes.add({ kind: "unsettle", vertebra: vertebra.id });
    this.say(`${this.name(vertebra)} is not settled any more.`);
  }

  choose(choice: Choice | null, what = ""): void {
    const { vertebra } = this;
    if (!vertebra || !this.writable) return;
    const before = this.drafts.of(vertebra.id);
    if (what === "" || what !== this.lastStep) this.steps = [...this.steps, { kind: "choice", vertebra: vertebra.id, before }];
    this.lastStep = what;
    this.drafts.set(vertebra.id, choice);
    this.changed();
  }

  private digitsFor(choice: Choice): Digits {
    const isOwn = choice.took === "neither" && this.now !== null;
    return isOwn && missingOf(choice, this.known, this.now as Asked).some(({ part }) => part === "finding") ? "finding" : "reasons";
  }

  private get firstOpen(): Asked | undefined {
    return this.asked.find((asked) => !this.isDone(asked));
  }

  private get openAfterThis(): Asked | undefined {
    const from = this.now ? this.asked.indexOf(this.now) + 1 : 0;
    return [...this.asked.slice(from), ...this.asked.slice(0, Math.max(0, from - 1))].find((asked) => !this.isDone(asked));
  }

  private changed(): void {
    this.events.emit("changed", null);
  }
}
