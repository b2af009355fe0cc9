/** Jobs, models, the vertebrae of a case, reports to confirm: live parts, curves, the import of a model, keys. */

import { drawCurves } from "./curves.ts";
import { Live } from "./live.ts";
import { importForm } from "./model-upload.ts";
import { Reports } from "./reports.ts";

drawCurves(document);
window.addEventListener("resize", () => drawCurves(document));
for (const holder of document.querySelectorAll<HTMLElement>("[data-live]")) new Live(holder, drawCurves);
for (const log of document.querySelectorAll<HTMLElement>("[data-log]")) log.scrollTop = log.scrollHeight;
for (const form of document.querySelectorAll<HTMLFormElement>("[data-model-import]")) importForm(form);
for (const list of document.querySelectorAll<HTMLElement>("[data-reports]")) new Reports(list);
