/**
 * The write lease of one read: of all devices, the server lets one write. It is claimed on entering, renewed while the
 * read is open, let go on leaving, and anybody may take it over; the one who lost it hears of it and only reads.
 */

export type LeaseAnswer =
  | { readonly kind: "mine" }
  | { readonly kind: "elsewhere"; readonly since: Date | null }
  /** No answer that decides it; what was true stays true, and the next write will tell. */
  | { readonly kind: "unknown" };

export interface LeaseServer {
  claim(take: boolean): Promise<LeaseAnswer>;
  /** The page may be on its way out: nobody waits for an answer. */
  release(): void;
}

/** A lease of a minute is renewed in time even when one renewal is lost, in milliseconds. */
export const RENEWAL = 20_000;

export class Lease {
  private readonly server: LeaseServer;
  private readonly heard: (answer: LeaseAnswer) => void;
  private readonly everyRenewal: () => void;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private known: LeaseAnswer["kind"] = "unknown";
  private closed = false;
  private asked = 0;

  /** `heard` is called when the holder changes and after each `take`, `everyRenewal` each time the lease is renewed. */
  constructor(server: LeaseServer, heard: (answer: LeaseAnswer) => void, everyRenewal: () => void = () => undefined) {
    this.server = server;
    this.heard = heard;
    this.everyRenewal = everyRenewal;
  }

  claim(): Promise<void> {
    return this.ask(false);
  }

  /** From whoever has it. */
  take(): Promise<void> {
    return this.ask(true);
  }

  /** A write was refused because another one has it; since when, the server says when it is asked. */
  async lost(): Promise<void> {
    this.known = "elsewhere";
    this.stopRenewing();
    this.heard({ kind: "elsewhere", since: null });
    await this.ask(false);
  }

  /** Back from sleep, or from another window: the lease may have run out meanwhile. */
  look(): void {
    if (this.known === "mine" && !this.closed) void this.ask(false);
  }

  release(): void {
    const wasHeld = this.known === "mine" && !this.closed;
    this.abandon();
    if (wasHeld) this.server.release();
  }

  /** Another tab of this browser goes on with it. */
  abandon(): void {
    this.stopRenewing();
    this.closed = true;
  }

  private async ask(take: boolean): Promise<void> {
    if (this.closed) return;
    this.asked += 1;
    const question = this.asked;
    const answer = await this.server.claim(take);
    // Only the answer to the last question counts.
    if (this.closed || question !== this.asked) return;
    const before = this.known;
    if (answer.kind !== "unknown") this.known = answer.kind;
    if (this.known === "elsewhere") this.stopRenewing();
    else this.renewLater();
    if (take || this.known !== before || answer.kind === "elsewhere") this.heard(answer);
  }

  private renewLater(): void {
    this.stopRenewing();
    this.timer = setTimeout(() => {
      this.everyRenewal();
      void this.ask(false);
    }, RENEWAL);
  }

  private stopRenewing(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
