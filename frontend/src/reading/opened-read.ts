/** What one open read is made of: its queue, its state, the clock of the work on it, and the session that commands act on. */

import { ActiveTotals } from "./active-totals.ts";
import { ActiveClock } from "./activity.ts";
import { storageKeys } from "./browser-storage.ts";
import { Outbox, type OutboxStorage } from "./outbox.ts";
import type { Room } from "./room-data.ts";
import { Session, type ImageScreen } from "./session.ts";
import { ReadingStore } from "./store.ts";
import { httpTransport } from "./transport.ts";

export interface Surroundings {
  readonly user: string;
  /** Who writes, for the server. */
  readonly device: string;
  readonly storage: OutboxStorage;
  readonly screen: ImageScreen;
  readonly reportOpen: boolean;
}

export interface OpenedRead {
  readonly session: Session;
  /** The read is left: nothing of it is sent or counted any more; what waits stays in the storage. */
  readonly close: () => void;
}

export function openedRead(room: Room, { user, device, storage, screen, reportOpen }: Surroundings): OpenedRead {
  const keys = storageKeys(user, room.readId);
  const clock = new ActiveClock(() => performance.now(), document);
  const active = new ActiveTotals(storage, keys.active, clock);
  const outbox = new Outbox({
    key: keys.queue,
    seq: room.seq,
    transport: httpTransport(room.readId, device, room.anatomy.id),
    storage,
    active: () => active.now(),
  });
  const store = new ReadingStore({
    context: room.context,
    confirmed: room.state,
    seen: room.seen,
    // Not before it is said who writes: two tabs must not both believe that they do.
    writable: false,
    outbox,
    storage,
    historyKey: keys.history,
  });
  const session = new Session(room, store, screen, { reportOpen, clock });
  const close = (): void => {
    active.now();
    clock.stop();
    outbox.close();
    session.waiting.close();
  };
  return { session, close };
}

/** What could be undone in a read that is locked, cannot; and its time was told. */
export function forgetRead(user: string, read: number, storage: OutboxStorage): void {
  const { history, active } = storageKeys(user, read);
  storage.removeItem(history);
  storage.removeItem(active);
}
