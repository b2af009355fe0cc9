/** The right column: what A and B say of the current vertebra, what the panel makes of it, why, and the one next step. */

import { findingOf, injuryOf, type Acuity } from "../../reading/model.ts";
import { button, buttonCap, make, part, refill, setAttribute, setText, type Child } from "../../reading/view/dom.ts";
import { writable } from "../commands.ts";
import { findingBy, injuryBy, type Asked } from "../data.ts";
import type { Letter } from "../shapes.ts";
import type { Sitting } from "../sitting.ts";
import { stepOf } from "../step.ts";
import { acuityWords, findingWords, markBy, momentWords, resultWords, sliceSpans, slicesWords, tookWords } from "../words.ts";
import { differWords } from "./lanes.ts";

const LETTERS: readonly Letter[] = ["A", "B"];
/** Digits print a reason's key up to the tenth. */
const DIGITS = 10;

export class Inspector {
  private readonly explanation = part<HTMLTextAreaElement>("explanation");
  private readonly ages: readonly { readonly value: Acuity; readonly element: HTMLButtonElement }[];
  private sitting: Sitting | null = null;
  private digitsShown = "";

  constructor() {
    const group = part("acuity");
    this.ages = (["acute", "old", "unknown"] as const).map((value) => {
      const element = button({}, acuityWords[value]);
      element.addEventListener("mousedown", (event) => event.preventDefault());
      element.addEventListener("click", () => element.getAttribute("aria-disabled") !== "true" && this.sitting?.setAcuity(value));
      group.append(element);
      return { value, element };
    });
    this.explanation.addEventListener("input", () => this.sitting?.setExplanation(this.explanation.value));
    this.explanation.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      part("viewport").focus();
    });
  }

  focusExplanation(): void {
    this.explanation.focus();
    part("teach-part").scrollIntoView({ block: "end" });
  }

  refresh(sitting: Sitting): void {
    this.sitting = sitting;
    const { current } = sitting;
    const inspect = part("inspect");
    inspect.toggleAttribute("data-readonly", !sitting.writable);
    for (const name of ["took-part", "reason-part", "teach-part"]) part(name).hidden = current === null;
    this.head(sitting);
    this.foot(sitting);
    part("finding-part").hidden = !current || sitting.choice.took !== "neither" || !sitting.writable;
    part("as-settled").hidden = !current || sitting.writable || sitting.settledOf(current.vertebra) === null;
    part("questions-part").hidden = true;
    if (!current) return;
    this.cards(sitting, current);
    this.own(sitting, current);
    this.reasons(sitting);
    this.showDigits(sitting);
    this.questions(sitting, current);
    this.teaching(sitting);
    this.asSettled(sitting, current);
  }

  private head(sitting: Sitting): void {
    const { current, data } = sitting;
    const of = data.asked.length;
    setText(part("level"), current ? sitting.name(current.vertebra) : "–");
    setText(part("why"), current?.json.why ?? (sitting.locked ? "Locked" : "Nothing differs"));
    const differs = current && differWords(current);
    const slices = differs ? `${differs} ${differs === "1 slice" ? "differs" : "differ"}, ` : "";
    refill(part("place"), [current, of, sitting.order, data.asked], () =>
      current
        ? [make("span", { class: "hide-narrow" }, `${slices}difference\u00a0`), `${sitting.asked.indexOf(current) + 1} of ${of}`]
        : [`${data.agreed.length} vertebrae agreed`],
    );
  }

  private cards(sitting: Sitting, { vertebra }: Asked): void {
    const { data } = sitting;
    part("reads").classList.toggle("one", data.json.letters.length < 2);
    for (const letter of LETTERS) {
      const card = part(`card-${letter}`);
      const read = card.closest<HTMLElement>(".read") as HTMLElement;
      read.hidden = !data.json.letters.includes(letter);
      if (read.hidden) continue;
      const finding = findingBy(data, letter, vertebra);
      const mark = markBy(vertebra, finding);
      setAttribute(read, "class", `read ${mark.className}`);
      refill(card, [data.asked, vertebra, letter], () => {
        const sign = make("span", { class: `mark mark-lg ${mark.className}`, "aria-hidden": "true" }, mark.className === "st-neg" ? "" : mark.sign);
        const lines: Child[] = [
          make("span", { class: "read-head" }, make("span", { class: "who" }, letter), sign),
          make("span", { class: "m" }, findingWords(finding, injuryBy(data, letter, vertebra))),
        ];
        for (const words of cardLines(sitting, letter, vertebra)) lines.push(make("span", { class: "sm t2 num" }, words));
        lines.push(make("span", { class: "sm t2 comment" }, finding.comment ? `“${finding.comment}”` : "No comment."));
        return lines;
      });
    }
    // Of one read, no two sets of slices can differ.
    const bySlice = part("ways").querySelector<HTMLElement>("[data-command='bySlice']");
    if (bySlice) bySlice.hidden = data.json.letters.length < 2;
    part("ways").classList.toggle("two", data.json.letters.length < 2);
    setText(part("neither-words"), data.json.letters.length < 2 ? "Other" : "Neither");
  }

  private own(sitting: Sitting, { vertebra }: Asked): void {
    const { choice, saysSlices } = sitting;
    setText(part("own-title"), choice.bySlice ? "Slice by slice" : "What you say");
    setText(part("fracture-words"), saysSlices ? "Slice: fracture" : "Fracture");
    setText(part("negative-words"), saysSlices ? "Slice: negative" : "Negative");
    // Without slices there is no rest: the button beside Fracture says the same.
    const rest = part("finding-part").querySelector<HTMLElement>("[data-command='restNegative']");
    if (rest) rest.hidden = !saysSlices;
    part("own-more").classList.toggle("two", !saysSlices);
    // Said, and the reasons have the digits: it folds to the line that says what it says.
    part("finding-part").toggleAttribute("data-folded", sitting.digits === "reasons");
    for (const element of document.querySelectorAll<HTMLElement>("[data-digits]")) element.classList.toggle("elsewhere", element.dataset["digits"] !== sitting.digits);
    const waiting = sitting.undecided.map((sop) => sitting.data.context.sops.indexOf(sop));
    const finding = findingOf(choice.said, vertebra.id);
    const injury = injuryOf(choice.said, vertebra.id);
    const fractured = sitting.missing.find((each) => each.part === "finding")?.sentence ?? "";
    const soFar = finding.verdict ? `Said: ${resultWords(finding, injury, vertebra, sitting.data.context)}.` : "Nothing said yet.";
    setText(part("own-hint"), waiting.length > 0 ? `Still to decide: ${sliceSpans(waiting)}.` : `${soFar}${fractured && finding.verdict ? ` ${fractured}` : ""}${sitting.digits === "reasons" ? " E changes it." : ""}`);
  }

  private reasons(sitting: Sitting): void {
    const { data, choice } = sitting;
    const one = data.json.letters.length < 2;
    setText(part("why-title"), one ? "Why it was unclear" : "Why they differ");
    refill(part("reasons"), [data.json.reasons], () =>
      data.json.reasons.map(({ code, text }, index) => {
        const cap = buttonCap(String((index + 1) % DIGITS));
        cap.dataset["digit"] = "reasons";
        const element = button({ class: "reason", "data-code": code }, ...(index < DIGITS ? [cap] : []), text);
        element.addEventListener("mousedown", (event) => event.preventDefault());
        element.addEventListener("click", () => {
          const may = this.sitting ? writable(this.sitting) : "";
          if (may === true) this.sitting?.setReason(code);
          else this.sitting?.say(may);
        });
        return element;
      }),
    );
    for (const element of part("reasons").querySelectorAll<HTMLElement>("[data-code]")) {
      setAttribute(element, "aria-pressed", String(element.dataset["code"] === choice.reason));
      setAttribute(element, "aria-disabled", sitting.writable ? null : "true");
    }
    part("reason-needed").hidden = choice.reason !== "" || !sitting.writable || sitting.digits === "finding";
    part("digits-here").hidden = sitting.digits === "reasons" || choice.took !== "neither";
    const isFracture = sitting.result?.finding.verdict === "fracture";
    part("acuity-part").classList.toggle("off", !isFracture);
    for (const { value, element } of this.ages) {
      setAttribute(element, "aria-pressed", String(isFracture && choice.acuity === value));
      setAttribute(element, "aria-disabled", sitting.writable && isFracture ? null : "true");
    }
  }

  /** What the digits mean now comes into view, and the screen does not jump otherwise. */
  private showDigits({ digits, choice }: Sitting): void {
    const now = `${digits} ${choice.took}`;
    if (now === this.digitsShown) return;
    this.digitsShown = now;
    if (choice.took === "neither") part(digits === "reasons" ? "reason-part" : "finding-part").scrollIntoView({ block: "nearest" });
  }

  private questions(sitting: Sitting, { vertebra }: Asked): void {
    const list = sitting.data.json.questions.filter((question) => question.vertebra === vertebra.id);
    part("questions-part").hidden = list.length === 0;
    refill(part("questions"), [sitting.data.json.questions, vertebra], () =>
      list.map(({ letter, text, at, answer, answered_at }) => {
        const asked = make("p", { class: "t2" }, make("b", { class: "who" }, `To ${letter}`), ` ${text}`, make("span", { class: "t3 num" }, ` ${momentWords(at)}`));
        const said = answered_at ? make("p", {}, make("b", { class: "who" }, letter), ` ${answer}`, make("span", { class: "t3 num" }, ` ${momentWords(answered_at)}`)) : make("p", { class: "t3" }, "No answer yet.");
        return make("li", {}, asked, said);
      }),
    );
  }

  private teaching({ choice, writable: may }: Sitting): void {
    this.explanation.hidden = !choice.teach;
    this.explanation.readOnly = !may;
    if (document.activeElement !== this.explanation && this.explanation.value !== choice.explanation) this.explanation.value = choice.explanation;
  }

  private asSettled(sitting: Sitting, { vertebra }: Asked): void {
    const settled = sitting.settledOf(vertebra);
    const { result, data } = sitting;
    if (!settled?.took || !result) return;
    const { took } = settled;
    refill(part("as-settled-facts"), [data.json, vertebra], () => {
      const rows = [
        ["Verdict", resultWords(result.finding, result.injury, vertebra, data.context)],
        ["How", tookWords(took, data.json.letters)],
        ["Why", data.json.reasons.find(({ code }) => code === settled.reason)?.text ?? settled.reason],
        ...(result.finding.verdict === "fracture" ? [["Acuity", acuityWords[settled.acuity].toLowerCase()]] : []),
        ...(settled.teach ? [["Teaching", settled.explanation || "on the list"]] : []),
      ];
      return rows.flatMap(([label, value]) => [make("dt", {}, label ?? ""), make("dd", {}, value ?? "")]);
    });
  }

  // ---------------------------------------------------------------- the one next step

  private foot(sitting: Sitting): void {
    const { current, result, missing } = sitting;
    const settles = part("settles");
    const may = writable(sitting);
    if (may !== true) settles.replaceChildren(may);
    else if (!current) settles.replaceChildren("Every vertebra is agreed and filled in. Both reads stay as they are.");
    else if (sitting.isAsSettled && sitting.allSettled) settles.replaceChildren("Every difference is settled. Both reads stay as they are.");
    else if (result && !missing.some((each) => each.part === "finding")) {
      const words = resultWords(result.finding, result.injury, current.vertebra, sitting.data.context);
      const verb = sitting.isAsSettled ? "Settled" : "Settles";
      const stays = sitting.data.json.letters.length < 2 ? "The read stays as it is." : "Both reads stay as they are.";
      settles.replaceChildren(`${verb} ${sitting.name(current.vertebra)} as `, make("b", {}, words), `. ${stays}`);
    } else settles.replaceChildren(missing.map(({ sentence }) => sentence).join(" "));
    this.advance(sitting);
  }

  private advance(sitting: Sitting): void {
    const node = part("advance");
    const { words, ready, lock } = stepOf(sitting);
    setText(part("advance-words"), words);
    part("advance-lock").toggleAttribute("hidden", !lock);
    node.classList.toggle("btn-primary", ready);
    part("correct").hidden = !sitting.data.json.consensus.reopenable;
    for (const name of ["nextOpen", "clear"]) {
      const element = document.querySelector<HTMLElement>(`.lock-row [data-command='${name}']`);
      if (element) element.hidden = !sitting.writable;
    }
  }
}

function cardLines(sitting: Sitting, letter: Letter, vertebra: Asked["vertebra"]): string[] {
  const { data } = sitting;
  const finding = findingBy(data, letter, vertebra);
  const slices = data.json.reads[letter]?.slices_labelled ? slicesWords(finding, vertebra, data.context) : "";
  const differs = data.asked.find((asked) => asked.vertebra === vertebra)?.json.difference === "level";
  const level = finding.level_said || vertebra.level;
  return [
    slices,
    finding.verdict === "fracture" ? `Acuity ${acuityWords[finding.acuity].toLowerCase()}` : "",
    differs || (finding.level_said && finding.level_said !== vertebra.level) ? `Calls it ${level || "nothing"}` : "",
    finding.unclear ? "Flagged unclear" : "",
  ].filter(Boolean);
}
