/** Within one browser, one tab writes to a read: the Web Locks API says which, and frees it when the tab dies. */

export class TabLock {
  readonly read: number;
  private readonly heard: (mine: boolean) => void;
  private letGo: (() => void) | null = null;
  private released = false;

  /** Calls back with true once this tab holds the read, and with false when another one has it or took it. */
  constructor(read: number, heard: (mine: boolean) => void) {
    this.read = read;
    this.heard = heard;
    if ("locks" in navigator) this.request({ ifAvailable: true });
    else heard(true);
  }

  /** Takes the read over from the other tab. */
  take(): void {
    this.request({ steal: true });
  }

  release(): void {
    this.released = true;
    this.letGo?.();
  }

  private request(options: LockOptions): void {
    navigator.locks
      .request(`sagittal-read-${this.read}`, options, async (lock) => {
        if (this.released) return;
        this.heard(lock !== null);
        if (lock) await new Promise<void>((resolve) => (this.letGo = resolve));
      })
      .catch((error: unknown) => {
        // Another tab took it over.
        if (!(error instanceof DOMException) || error.name !== "AbortError") throw error;
        if (!this.released) this.heard(false);
      });
  }
}
