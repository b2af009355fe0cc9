/** Which hand draws the picture: the graphics card, or the processor where there is no card to speak of. */

export type Hand = "card" | "processor";

/** For a screen that draws wrongly: set to "card" or "processor" in the browser's storage, it overrides the choice. */
export const HAND_KEY = "sagittal:drawing";

/** What drivers call themselves that draw on the processor. */
const IN_SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/**
 * WebGL in software pays for every slice twice: to draw it, and to read it back. Where no card stands behind it, the
 * processor draws the slices itself, in half the time and without a second of preparation.
 */
export function chosenHand(storage: Pick<Storage, "getItem"> = localStorage): Hand {
  const wish = storage.getItem(HAND_KEY);
  if (wish === "card" || wish === "processor") return wish;
  const context = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!context) return "processor";
  const named = context.getExtension("WEBGL_debug_renderer_info");
  const driver = String(context.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  // Browsers keep few contexts alive; this one has done its work.
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return IN_SOFTWARE.test(driver) ? "processor" : "card";
}
