/**
 * Fetches the images of the next case while the reader is at this one, into the browser's own HTTP cache: nothing is
 * claimed, decoded or shown. It waits until this case is there as a whole and the browser has nothing to do, and it
 * gives way at once when the reader needs the line.
 */

export interface Ahead {
  readonly frames: readonly string[];
  readonly outlinesUrl: string | null;
}

export interface PrefetchOptions {
  /** What comes after a case; null for nothing, or when it cannot be known now. */
  readonly next: (caseId: number) => Promise<Ahead | null>;
  /** Fetches one address as the viewer would, to its last byte. */
  readonly fetch: (url: string, signal: AbortSignal) => Promise<void>;
  /** Calls back once the browser has nothing to do. */
  readonly whenIdle: (run: () => void) => void;
  /** The person pays for every byte. */
  readonly savesData: () => boolean;
}

/** Requests at a time: the browser keeps the other connections for the reader. */
const AT_ONCE = 2;

export class Prefetch {
  private readonly options: PrefetchOptions;
  private abort: AbortController | null = null;
  private begun: number | null = null;
  private readonly fetched = new Set<string>();

  constructor(options: PrefetchOptions) {
    this.options = options;
  }

  /** All images of this case are there: those of the next may come. Once per case; call again after `stop`. */
  after(caseId: number): void {
    if (this.begun === caseId || this.options.savesData()) return;
    this.begun = caseId;
    const abort = new AbortController();
    this.abort = abort;
    this.options.whenIdle(() => void this.run(caseId, abort.signal));
  }

  /** The reader wants something from the server: what is under way is dropped; what has come stays. */
  stop(): void {
    this.abort?.abort();
    this.abort = null;
    this.begun = null;
  }

  /** Another case is open: what was fetched for it need not be remembered. */
  forget(): void {
    this.stop();
    this.fetched.clear();
  }

  private async run(caseId: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const ahead = await this.options.next(caseId);
    if (!ahead || signal.aborted) return;
    const urls = [...ahead.frames.slice(0, 1), ...(ahead.outlinesUrl ? [ahead.outlinesUrl] : []), ...ahead.frames.slice(1)];
    const waiting = urls.filter((url) => !this.fetched.has(url));
    const lane = async (): Promise<void> => {
      for (let url = waiting.shift(); url !== undefined && !signal.aborted; url = waiting.shift()) {
        try {
          await this.options.fetch(url, signal);
          this.fetched.add(url);
        } catch {
          // A frame that did not come ahead comes when it is wanted; one trouble is enough to stop for.
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }
}
