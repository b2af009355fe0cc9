/** Below the differences: what is agreed, whether the levels fit, the report, and how it all came about. */

import { levelsIn } from "../../reading/levels-in-text.ts";
import { findingOf } from "../../reading/model.ts";
import { stateOf } from "../../reading/transport.ts";
import { button, make, part, refill, setAttribute, setText, type Child } from "../../reading/view/dom.ts";
import type { Sitting } from "../sitting.ts";
import { shiftState } from "../shifts.ts";
import { findingWords, markBy, momentWords } from "../words.ts";

export class LeftColumn {
  private readonly agreed = part<HTMLDetailsElement>("agreed");
  private readonly report = part("report");
  private readonly askReport: () => void;

  /** `askReport`: the lead wants to show the report to the panel. */
  constructor(askReport: () => void) {
    this.askReport = askReport;
    // The image keeps the focus, so that Enter stays the next step after a click.
    this.agreed.addEventListener("mousedown", (event) => event.preventDefault());
  }

  refresh(sitting: Sitting): void {
    const { data } = sitting;
    const { json } = data;
    const of = data.asked.length;
    setText(part("settled-count"), of === 0 ? "none" : `${sitting.settledCount} of ${of} settled`);
    for (const order of ["harm", "level"] as const) setAttribute(part(`order-${order}`), "aria-pressed", String(sitting.order === order));
    part("nothing").hidden = of > 0;
    setText(part("nothing"), `Nothing differs. ${json.letters.length < 2 ? "A flags nothing as unclear" : "A and B say the same of every vertebra"}, so it can be locked at once.`);
    this.refreshAgreed(sitting);
    this.refreshLevels(sitting);
    this.refreshReport(sitting);
    refill(part("record"), [json.record], () => json.record.map(({ who, what, at }) => make("li", {}, make("span", { class: "m" }, who), make("span", {}, what), make("span", { class: "t3" }, momentWords(at)))));
    refill(part("facts"), [json.case], () => json.case.facts.flatMap(({ label, value }) => [make("dt", {}, label), make("dd", {}, value)]));
    refill(part("versions"), [json.versions], () => versions(sitting));
  }

  private refreshAgreed(sitting: Sitting): void {
    const { data } = sitting;
    const state = stateOf(data.json.state);
    this.agreed.hidden = data.agreed.length === 0;
    const verb = data.json.letters.length < 2 ? "filled in from A" : "agreed, filled in";
    setText(part("agreed-count"), `${data.agreed.length} ${verb}`);
    refill(part("agreed-line"), [data.asked, data.agreed], () =>
      data.agreed.map((vertebra) => {
        const finding = findingOf(state, vertebra.id);
        const mark = markBy(vertebra, finding);
        return make("span", {}, sitting.name(vertebra), make("span", { class: `mark ${mark.className}`, role: "img", "aria-label": mark.words.toLowerCase() }, mark.sign));
      }),
    );
    refill(part("agreed-list"), [data.asked, data.agreed], () =>
      data.agreed.map((vertebra) => {
        const go = button({ class: "linklike" }, sitting.name(vertebra));
        go.addEventListener("mousedown", (event) => event.preventDefault());
        go.addEventListener("click", () => sitting.selectVertebra(vertebra));
        return make("li", {}, go, make("span", { class: "t2" }, findingWords(findingOf(state, vertebra.id))));
      }),
    );
  }

  private refreshLevels(sitting: Sitting): void {
    const shift = shiftState(sitting.data.json);
    part("levels-foot").hidden = sitting.data.json.letters.length < 2;
    setText(part("levels-words"), shift.words);
    part("levels-foot").classList.toggle("warns", shift.kind === "looks");
    setText(part("levels-button"), { fit: "Levels", looks: "Look at it", shifted: "Levels" }[shift.kind]);
  }

  private refreshReport(sitting: Sitting): void {
    const { report, round } = sitting.data.json;
    const { reportOpen } = sitting.tools;
    setText(part("report-words"), reportOpen ? "" : report.open ? "folded" : "hidden");
    this.report.hidden = !reportOpen;
    setAttribute(document.querySelector("[data-command='report']") as Element, "aria-expanded", String(reportOpen));
    refill(this.report, [report], () => {
      if (report.open) return report.text ? paragraphs(report.text, sitting) : [make("p", { class: "t3" }, "This case came without a report.")];
      const why = round.rules.report === "after_lock" ? "The report is hidden until the consensus is locked." : "This round hides the report: the image decides.";
      const lines: Child[] = [make("p", { class: "t3" }, why)];
      if (!report.may_show) return lines;
      const show = button({ class: "btn btn-sm" }, "Show the report to the panel");
      show.addEventListener("click", this.askReport);
      return [...lines, make("p", {}, show)];
    });
  }
}

function versions({ data }: Sitting): HTMLElement[] {
  const { versions: all, consensus } = data.json;
  if (all.length < 2) return [];
  const rows = all.map(({ read, version, locked_at, reason }) => {
    const words = `Version ${version}`;
    const name = read === consensus.id ? make("strong", {}, words) : make("a", { href: `/consensus/${read}` }, words);
    return make("li", {}, name, ` ${locked_at ? `locked ${momentWords(locked_at)}` : "not locked"}${reason ? `: ${reason}` : ""}`);
  });
  return [make("h3", { class: "sm" }, "Versions"), make("ol", { class: "sm" }, ...rows)];
}

function paragraphs(text: string, sitting: Sitting): HTMLElement[] {
  const { vertebrae } = sitting.data.context;
  const linked = (words: string): Child[] =>
    levelsIn(words).map((piece) => {
      const vertebra = piece.level && vertebrae.find(({ level }) => level === piece.level);
      if (!vertebra) return piece.text;
      const link = button({ class: "lv", title: `To ${vertebra.level}` }, piece.text);
      link.addEventListener("mousedown", (event) => event.preventDefault());
      link.addEventListener("click", () => sitting.selectVertebra(vertebra));
      return link;
    });
  return text
    .split(/(?:\r?\n){2,}/)
    .map((each) => each.trim())
    .filter(Boolean)
    .map((each) => make("p", {}, ...linked(each)));
}

