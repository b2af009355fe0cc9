/** Gets frames over WADO-RS into Cornerstone's cache: the wanted slice first, the others outwards from it. */

import { cache, Enums, imageLoader, init as initCore } from "@cornerstonejs/core";
import { init as initLoader, wadors } from "@cornerstonejs/dicom-image-loader";

import { Emitter } from "../emitter.ts";
import type { Hand } from "./drawing.ts";
import { FRAME_TYPE } from "./frame-type.ts";
import type { DicomJson } from "./geometry.ts";

const CACHE_BYTES = 512 * 1024 * 1024;
const AT_ONCE = 4;
const RETRY_AFTER = 3000;

export interface ViewerSlice {
  readonly sopUid: string;
  readonly frameUrl: string;
  readonly metadata: DicomJson;
}

export interface FrameEvents {
  loaded: { readonly k: number; readonly loaded: number; readonly total: number };
  failed: { readonly k: number; readonly sentence: string };
  session: null;
  /** Time to try again what did not come. */
  retry: null;
}

let ready: Promise<void> | null = null;

/** Starts Cornerstone once per page. One WebGL context is enough for one viewport. */
export function startCornerstone(hand: Hand): Promise<void> {
  ready ??= Promise.resolve().then(() => {
    const rendering = { webGlContextCount: 1, useCPURendering: hand === "processor" };
    initCore({ rendering } as Parameters<typeof initCore>[0]);
    initLoader({
      maxWebWorkers: Math.min(4, Math.max(1, (navigator.hardwareConcurrency || 2) - 1)),
      beforeSend: () => ({ Accept: FRAME_TYPE }),
    } as unknown as Parameters<typeof initLoader>[0]);
    cache.setMaxCacheSize(CACHE_BYTES);
    // The loader rejects twice, and the second promise is out of reach; the first one is handled below.
    window.addEventListener("unhandledrejection", (event) => {
      if (event.reason instanceof XMLHttpRequest) event.preventDefault();
    });
  });
  return ready;
}

const imageIdOf = (slice: ViewerSlice): string => `wadors:${new URL(slice.frameUrl, document.baseURI).href}`;

/** The frames of one stack. */
export class Frames {
  readonly events = new Emitter<FrameEvents>();
  readonly imageIds: readonly string[];
  private readonly slices: readonly ViewerSlice[];
  private readonly loading = new Map<number, Promise<boolean>>();
  private readonly failures = new Map<number, number>();
  private centre = 0;
  private closed = false;
  /** Runs while the server does not answer: asking it for all other frames as well would help nobody. */
  private retryTimer: ReturnType<typeof setTimeout> | null = null;
  /** Nobody is logged in: every answer would be the same until `retry`. */
  private loggedOut = false;
  /** Until the first picture stands, decoding other frames would only take the processor from it. */
  private firstAlone = true;

  constructor(slices: readonly ViewerSlice[]) {
    this.slices = slices;
    this.imageIds = slices.map(imageIdOf);
    slices.forEach((slice, k) => {
      type Metadata = Parameters<typeof wadors.metaDataManager.add>[1];
      wadors.metaDataManager.add(this.imageIds[k] as string, slice.metadata as unknown as Metadata);
    });
  }

  isLoaded(k: number): boolean {
    return cache.isLoaded(this.imageIds[k] as string);
  }

  /** Loads one slice before all others; false when it did not come. */
  want(k: number): Promise<boolean> {
    this.centre = k;
    if (this.isLoaded(k)) {
      this.fill();
      return Promise.resolve(true);
    }
    if (this.loggedOut) {
      this.events.emit("failed", { k, sentence: sentenceOf(k, 401) });
      return Promise.resolve(false);
    }
    const wanted = this.load(k, Enums.RequestType.Interaction);
    this.fill();
    return wanted;
  }

  /** Tries everything again that did not come: the network is back, or someone logged in. */
  retry(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.loggedOut = false;
    this.failures.clear();
    this.fill();
  }

  /** The first picture stands, or cannot: now the others. */
  othersToo(): void {
    if (!this.firstAlone) return;
    this.firstAlone = false;
    this.fill();
  }

  close(): void {
    this.closed = true;
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    for (const imageId of this.imageIds) {
      if (cache.isLoaded(imageId)) cache.removeImageLoadObject(imageId, { force: true });
    }
  }

  /** Lets go of the headers too, once the screen shows another stack; `kept` are the image ids of that one. */
  forget(kept: ReadonlySet<string>): void {
    for (const imageId of this.imageIds) if (!kept.has(imageId)) wadors.metaDataManager.remove(imageId);
  }

  private fill(): void {
    if (this.firstAlone || this.closed || this.loggedOut || this.retryTimer !== null) return;
    const order = this.slices
      .map((_, k) => k)
      .filter((k) => !this.isLoaded(k) && !this.loading.has(k) && !this.failures.has(k))
      .sort((left, right) => Math.abs(left - this.centre) - Math.abs(right - this.centre));
    for (const k of order.slice(0, Math.max(0, AT_ONCE - this.loading.size))) {
      void this.load(k, Enums.RequestType.Prefetch);
    }
  }

  private load(k: number, requestType: Enums.RequestType): Promise<boolean> {
    const running = this.loading.get(k);
    if (running) return running;
    const promise = imageLoader
      .loadAndCacheImage(this.imageIds[k] as string, { requestType, priority: requestType === Enums.RequestType.Interaction ? -5 : 0 })
      .then(
        () => this.came(k),
        (error: unknown) => this.failed(k, error),
      )
      .finally(() => {
        this.loading.delete(k);
        this.fill();
      });
    this.loading.set(k, promise);
    return promise;
  }

  private came(k: number): boolean {
    this.failures.delete(k);
    const loaded = this.imageIds.filter((imageId) => cache.isLoaded(imageId)).length;
    this.events.emit("loaded", { k, loaded, total: this.imageIds.length });
    return true;
  }

  private failed(k: number, error: unknown): boolean {
    this.firstAlone = false;
    this.failures.set(k, (this.failures.get(k) ?? 0) + 1);
    const status = statusOf(error);
    this.events.emit("failed", { k, sentence: sentenceOf(k, status) });
    if (status === 401) this.stopUntilLogin();
    else if (!this.closed && !this.loggedOut) this.retryTimer ??= setTimeout(() => this.events.emit("retry", null), RETRY_AFTER);
    return false;
  }

  private stopUntilLogin(): void {
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    const isNews = !this.loggedOut;
    this.loggedOut = true;
    if (isNews && !this.closed) this.events.emit("session", null);
  }
}

/** Cornerstone rejects with the XMLHttpRequest for transport troubles and with an error for a frame it cannot decode. */
function statusOf(error: unknown): number | null {
  const inner = (error as { error?: unknown } | null)?.error ?? error;
  return inner instanceof XMLHttpRequest ? inner.status : null;
}

function sentenceOf(k: number, status: number | null): string {
  if (status === null) return `Slice ${k + 1} could not be decoded. It cannot be labelled.`;
  if (status === 401) return `Slice ${k + 1} did not load. Your session has ended.`;
  return `Slice ${k + 1} did not load. It is tried again every few seconds.`;
}
