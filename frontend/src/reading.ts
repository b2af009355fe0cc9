/** Entry of the reading room. */

import { runCommand } from "./reading/commands.ts";
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
// From the worklist: a locked read that is to be opened again.
if (location.hash === "#open-again" && app.open) {
  history.replaceState(null, "", location.pathname);
  runCommand("reopen", app.open);
}
