/**
 * Who writes to the open read: this page, another tab of this browser, or another device. Within the browser the Web
 * Locks API decides at once; between devices the server does, while the reader may already begin.
 */

import { Lease, type LeaseAnswer, type LeaseServer } from "./lease.ts";

export type Holder =
  | { readonly kind: "asking" }
  | { readonly kind: "here" }
  | { readonly kind: "tab" }
  | { readonly kind: "device"; readonly since: Date | null };

/** What decides between the tabs of one browser; the real one is TabLock. */
export interface TabClaim {
  take(): void;
  release(): void;
}

export interface HoldingOptions {
  readonly read: number;
  readonly server: LeaseServer;
  readonly tab: (heard: (mine: boolean) => void) => TabClaim;
  /** Someone else writes now, or nobody else does any more. */
  readonly changed: (holder: Holder) => void;
  /** This page writes again after another one did: what is on screen may be old. */
  readonly reread: () => void;
  readonly everyRenewal: () => void;
  /** Calls back when the picture does not need the processor and the line any more. */
  readonly soon: (run: () => void) => void;
  /** The server did not answer when the reader asked to take over. */
  readonly noAnswer: () => void;
}

export class Holding {
  readonly read: number;
  private readonly options: HoldingOptions;
  private readonly tab: TabClaim;
  private tabIsMine = false;
  private lease: Lease | null = null;
  private current: Holder = { kind: "asking" };
  private wasElsewhere = false;
  private released = false;

  constructor(options: HoldingOptions) {
    this.options = options;
    this.read = options.read;
    this.tab = options.tab((mine) => this.heardTab(mine));
  }

  get holder(): Holder {
    return this.current;
  }

  /** Takes the read over from the other tab or device. */
  take(): void {
    if (this.tabIsMine) void this.lease?.take();
    else this.tab.take();
  }

  /** The server refused a write because another window or device has the read. */
  refused(): void {
    void this.lease?.lost();
  }

  /** The page is looked at again. */
  look(): void {
    this.lease?.look();
  }

  /** Lets others write. */
  release(): void {
    this.released = true;
    this.lease?.release();
    this.tab.release();
  }

  /** The read is locked: nobody writes to it any more, and nobody has to be let in. */
  end(): void {
    this.released = true;
    this.lease?.abandon();
    this.tab.release();
  }

  private heardTab(mine: boolean): void {
    if (this.released) return;
    this.tabIsMine = mine;
    this.lease?.abandon();
    if (!mine) {
      this.become({ kind: "tab" });
      return;
    }
    const lease = new Lease(this.options.server, (answer) => this.heardLease(answer), this.options.everyRenewal);
    this.lease = lease;
    if (this.wasElsewhere) {
      void lease.take();
      return;
    }
    this.options.soon(() => void lease.claim());
    // No key has to wait for the answer: should it be no, what was changed meanwhile is shown as not saved.
    this.become({ kind: "here" });
  }

  private heardLease(answer: LeaseAnswer): void {
    if (this.released) return;
    if (answer.kind === "elsewhere") this.become({ kind: "device", since: answer.since });
    else if (answer.kind === "unknown") this.options.noAnswer();
    else if (this.wasElsewhere) {
      this.wasElsewhere = false;
      this.current = { kind: "here" };
      this.options.reread();
    }
  }

  private become(holder: Holder): void {
    this.current = holder;
    if (holder.kind !== "here") this.wasElsewhere = true;
    this.options.changed(holder);
  }
}
