/** Small ways to touch the page: find a named part, make a node, set only what changed. */

export type Child = Node | string;

export function part<Kind extends Element = HTMLElement>(name: string, root: ParentNode = document): Kind {
  const found = root.querySelector<Kind>(`[data-room="${name}"]`);
  if (!found) throw new Error(`The page has no part called ${name}.`);
  return found;
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A button that never submits. */
export const button = (attributes: Readonly<Record<string, string>>, ...children: Child[]): HTMLButtonElement =>
  make("button", { type: "button", ...attributes }, ...children);

export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string | null): void {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

const filledOf = new WeakMap<Element, readonly unknown[]>();

/** Fills a node anew, but only when what it is made `of` is not what it was: a part of the page that is touched is painted again. */
export function refill(node: Element, of: readonly unknown[], content: () => readonly Child[]): void {
  const before = filledOf.get(node);
  if (before?.length === of.length && before.every((each, index) => each === of[index])) return;
  filledOf.set(node, of);
  node.replaceChildren(...content());
}

/** Key caps of a chord, as in the mocks. */
export const keyCaps = (caps: readonly string[]): HTMLElement[] => caps.map((cap) => make("kbd", {}, cap));

/** A key cap on a button: for the eye, and no part of the button's name. */
export const buttonCap = (cap: string): HTMLElement => make("kbd", { "aria-hidden": "true" }, cap);

/** 10:42:07 in the reader's own time zone. */
export const timeWords = (at: Date): string => at.toLocaleTimeString("en-GB", { hour12: false });
