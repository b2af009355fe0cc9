/** Buttons with `data-copy` put their text on the clipboard, and say so. */

async function copied(text: string, beside: Element | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS a browser gives no clipboard: the text is selected, so that a key copies it.
    if (beside) document.getSelection()?.selectAllChildren(beside);
    return false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-copy]") : null;
  if (!button) return;
  const words = button.querySelector("[data-words]");
  void copied(button.dataset["copy"] ?? "", button.parentElement?.querySelector("[data-copied]") ?? null).then((done) => {
    if (!words) return;
    words.textContent = done ? "Copied" : "Selected";
    window.setTimeout(() => (words.textContent = "Copy"), 2_000);
  });
});

export {};
