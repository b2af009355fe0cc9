/** Fetching the images of the second view: one at a time, the newest wish first, the last ones kept. Knows no DOM. */

import type { PlaneImage, PlaneReply } from "../api/planes.ts";

export type PlaneFetch = (url: string, signal: AbortSignal) => Promise<PlaneReply>;

/** What is to be said while the wanted image is not there. */
export type PlaneNote =
  | { readonly kind: "preparing"; readonly share: number }
  | { readonly kind: "trouble"; readonly sentence: string };

/** Images kept: a scroll through a vertebra and back. */
const KEPT = 24;
const ASK_AGAIN = 500;
const RETRY_AFTER = 3000;

export class PlaneLoader {
  private readonly fetch: PlaneFetch;
  private readonly changed: () => void;
  private readonly kept = new Map<string, PlaneImage>();
  private wanted: string | null = null;
  private shown: PlaneImage | null = null;
  private said: PlaneNote | null = null;
  private running: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(fetch: PlaneFetch, changed: () => void) {
    this.fetch = fetch;
    this.changed = changed;
  }

  /** The image that is on screen: the wanted one, or the last one before it while it is on its way. */
  get image(): PlaneImage | null {
    return this.shown;
  }

  get note(): PlaneNote | null {
    return this.said;
  }

  /** Whether `image` is the one that was asked for last. */
  get isCurrent(): boolean {
    return this.shown !== null && this.wanted !== null && this.kept.get(this.wanted) === this.shown;
  }

  /** Asks for an image. While one is on its way only the newest wish waits: a scroll shows what comes, and ends right. */
  want(url: string): void {
    if (url === this.wanted) return;
    this.wanted = url;
    const kept = this.kept.get(url);
    if (kept) this.show(url, kept);
    else if (!this.running) void this.load(url);
  }

  /** Elsewhere: what is on its way is not wanted any more, and the image before says nothing about the new place. */
  jump(url: string): void {
    if (url === this.wanted) return;
    this.drop();
    this.want(url);
  }

  /** Once more, after a trouble. */
  retry(): void {
    const url = this.wanted;
    this.stopTimer();
    if (url && !this.running && !this.kept.has(url)) void this.load(url);
  }

  close(): void {
    this.drop();
    this.kept.clear();
    this.wanted = null;
  }

  private drop(): void {
    this.running?.abort();
    this.running = null;
    this.stopTimer();
    this.shown = null;
    this.said = null;
  }

  private async load(url: string): Promise<void> {
    const controller = new AbortController();
    this.running = controller;
    this.stopTimer();
    let reply: PlaneReply;
    try {
      reply = await this.fetch(url, controller.signal);
    } catch (error) {
      if (controller.signal.aborted) return;
      throw error;
    }
    if (this.running !== controller) return;
    this.running = null;
    if (reply.kind === "ok") {
      this.keep(url, reply.image);
      this.show(url, reply.image);
    } else this.say(reply);
    const next = this.wanted;
    if (next !== null && next !== url && !this.kept.has(next)) void this.load(next);
  }

  private show(url: string, image: PlaneImage): void {
    // Least recently used first: this one is the last to go now.
    this.kept.delete(url);
    this.kept.set(url, image);
    this.shown = image;
    this.said = null;
    this.changed();
  }

  private keep(url: string, image: PlaneImage): void {
    this.kept.set(url, image);
    for (const [oldest] of this.kept) {
      if (this.kept.size <= KEPT) break;
      this.kept.delete(oldest);
    }
  }

  private say(reply: Exclude<PlaneReply, { kind: "ok" }>): void {
    if (reply.kind === "preparing") {
      this.said = { kind: "preparing", share: reply.share };
      this.later(ASK_AGAIN);
    } else if (reply.kind === "problem") this.said = { kind: "trouble", sentence: reply.sentence };
    else if (reply.kind === "session") this.said = { kind: "trouble", sentence: "Your session has ended. Log in again, then try again." };
    else {
      this.said = { kind: "trouble", sentence: "The server does not answer. It is asked again every few seconds." };
      this.later(RETRY_AFTER);
    }
    this.changed();
  }

  private later(milliseconds: number): void {
    this.stopTimer();
    this.timer = setTimeout(() => this.retry(), milliseconds);
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

/** Which way the places of planes run as one scrolls on: axial to the feet, coronal to the back. */
export type Towards = 1 | -1;

/** The planes of one direction: a place in mm, and the image next to it. */
export class PlaneStack {
  readonly loader: PlaneLoader;
  private readonly urlAt: (position: number) => string;
  private readonly towards: Towards;
  private place: number | null = null;

  constructor(loader: PlaneLoader, towards: Towards, urlAt: (position: number) => string) {
    this.loader = loader;
    this.towards = towards;
    this.urlAt = urlAt;
  }

  /** In mm; null until something was asked for. */
  get position(): number | null {
    return this.place;
  }

  /** The plane next to a place comes on screen. `far`: it is elsewhere, not some planes on. */
  goTo(position: number, far: boolean): void {
    this.place = this.onPlane(position);
    const url = this.urlAt(this.place);
    if (far) this.loader.jump(url);
    else this.loader.want(url);
  }

  step(planes: number): void {
    const { image } = this.loader;
    if (this.place === null || !image) return;
    this.goTo(this.place + planes * image.step * this.towards, false);
  }

  /** The place of the nearest plane, so that the same plane always has the same address. */
  private onPlane(position: number): number {
    const { image } = this.loader;
    if (!image) return rounded(position);
    const index = image.index + Math.round(((position - image.position) / image.step) * this.towards);
    const within = Math.min(Math.max(index, 0), image.count - 1);
    return rounded(image.position + (within - image.index) * image.step * this.towards);
  }
}

const rounded = (position: number): number => Math.round(position * 100) / 100;
