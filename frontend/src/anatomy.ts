/** Entry of the anatomy check. */

import { AnatomyApp } from "./anatomy/app.ts";
import { part } from "./reading/view/dom.ts";
import { StackViewer } from "./viewer/stack-viewer.ts";

declare global {
  interface Window {
    /** For checks from a browser test; nothing on the page reads it. */
    anatomyCheck?: { readonly app: AnatomyApp; readonly viewer: StackViewer };
  }
}

const root = document.getElementById("anatomy");
if (!root) throw new Error("This page has no anatomy check.");
const viewer = await StackViewer.create(part<HTMLDivElement>("canvas"));
const app = new AnatomyApp(viewer, root);
window.anatomyCheck = { app, viewer };
await app.load();
