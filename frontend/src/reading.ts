/** Entry of the reading room. */

import { runCommand } from "./reading/commands.ts";
import { placeIn } from "./reading/place.ts";
import { part } from "./reading/view/dom.ts";
import { RoomApp } from "./reading/room-app.ts";
import { StackViewer } from "./viewer/stack-viewer.ts";

declare global {
  interface Window {
    /** For checks of exactness and speed from a browser test; nothing in the room reads it. */
    sagittal?: { readonly app: RoomApp; readonly viewer: StackViewer };
  }
}

const root = document.getElementById("room");
if (!root) throw new Error("This page has no reading room.");
const viewer = await StackViewer.create(part<HTMLDivElement>("canvas"));
const app = new RoomApp(viewer, root);
window.sagittal = { app, viewer };
await app.openRead(Number(root.dataset["read"]));
// From a page that leads to one vertebra, and to one slice of it.
const place = placeIn(location.search);
if (place && app.open) {
  history.replaceState(null, "", `${location.pathname}${location.hash}`);
  app.open.goTo(place.vertebra, place.k);
}
// From the worklist: a locked read that is to be opened again.
if (location.hash === "#open-again" && app.open) {
  history.replaceState(null, "", location.pathname);
  runCommand("reopen", app.open);
}
