/**
 * A form with `data-confirm` asks before it is sent: what will happen, and whether that is meant.
 * `data-confirm-why` says more, `data-confirm-yes` names the button. Without this script the form is sent at once.
 */

function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className: string, ...content: (string | Node)[]): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...content);
  return node;
}

function ask(form: HTMLFormElement, submitter: HTMLElement | null): void {
  const dialog = make("dialog", "dialog ask");
  const title = make("h2", "", form.dataset["confirm"] ?? "");
  title.id = "ask-title";
  dialog.setAttribute("aria-labelledby", title.id);
  const no = make("button", "btn", "Not now");
  const yes = make("button", form.dataset["confirmDanger"] === undefined ? "btn btn-primary" : "btn btn-danger", form.dataset["confirmYes"] ?? "Yes");
  no.type = yes.type = "button";
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    dialog.close("yes");
    form.dataset["confirmed"] = "yes";
    form.requestSubmit(submitter);
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue !== "yes") submitter?.focus();
  });
  const why = form.dataset["confirmWhy"];
  dialog.append(make("div", "dialog-body stack", title, ...(why ? [make("p", "t2", why)] : [])), make("div", "dialog-foot", make("span", "push"), no, yes));
  document.body.append(dialog);
  dialog.showModal();
  no.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (form.dataset["confirm"] === undefined) return;
  if (form.dataset["confirmed"] === "yes") {
    delete form.dataset["confirmed"];
    return;
  }
  event.preventDefault();
  ask(form, event.submitter);
});

export {};
