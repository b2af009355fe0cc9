/** Entry of the consensus screen. */

import { ConsensusApp } from "./consensus/app.ts";
import type { ConsensusJson } from "./consensus/shapes.ts";
import { part } from "./reading/view/dom.ts";
import { StackViewer } from "./viewer/stack-viewer.ts";

declare global {
  interface Window {
    /** For checks from a browser test; nothing on the page reads it. */
    consensusScreen?: { readonly app: ConsensusApp; readonly viewer: StackViewer };
  }
}

const root = document.getElementById("consensus");
const embedded = document.getElementById("consensus-data");
if (!root || !embedded) throw new Error("This page has no consensus.");
const viewer = await StackViewer.create(part<HTMLDivElement>("canvas"));
const app = new ConsensusApp(viewer, root);
window.consensusScreen = { app, viewer };
app.start(JSON.parse(embedded.textContent ?? "") as ConsensusJson);
