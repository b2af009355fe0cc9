/** Import of a model: one zip, sent as it is, with the name and the sha256 that it must have. */

import { csrf, sentence } from "./upload.ts";

const HEX = /^[0-9a-f]{64}$/;

/** Why the form cannot be sent yet, or an empty text. */
export function missing(file: File | null, name: string, sha256: string, agreed: boolean): string {
  if (!file) return "No file is chosen. Choose the zip of a model.";
  if (!/\.zip$/i.test(file.name)) return "The file is no zip. Choose the zip that nnU-Net exports, or a zip of the model's folder.";
  if (!name) return "The model has no name. Give it one that says what it was trained on.";
  if (!HEX.test(sha256)) return "The sha256 is not 64 hexadecimal digits. Copy it from where the zip comes from.";
  return agreed ? "" : "Say that you know where the file comes from: it runs as a program.";
}

export function importForm(form: HTMLFormElement): void {
  const of = <Kind extends Element>(selector: string): Kind => form.querySelector(selector) as Kind;
  const [state, bar, send] = [of<HTMLElement>("[data-state]"), of<HTMLProgressElement>("progress"), of<HTMLButtonElement>("[type=submit]")];
  const value = (name: string): string => of<HTMLInputElement>(`[name=${name}]`).value.trim();

  const say = (words: string, bad: boolean): void => {
    state.textContent = words;
    state.classList.toggle("bad-t", bad);
  };
  const leaving = (event: BeforeUnloadEvent): void => event.preventDefault();
  const ended = (words: string): void => {
    window.removeEventListener("beforeunload", leaving);
    send.disabled = false;
    bar.hidden = true;
    say(words, true);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = of<HTMLInputElement>("[name=file]").files?.[0] ?? null;
    const [name, sha256] = [value("name"), value("sha256").toLowerCase()];
    const why = missing(file, name, sha256, of<HTMLInputElement>("[name=agreed]").checked);
    if (why || !file) return say(why, true);
    send.disabled = true;
    bar.hidden = false;
    say("Sending", false);
    window.addEventListener("beforeunload", leaving);
    const request = new XMLHttpRequest();
    request.open("PUT", form.dataset["url"] ?? "");
    request.setRequestHeader("X-CSRFToken", csrf());
    request.setRequestHeader("X-Model-Name", encodeURIComponent(name));
    request.setRequestHeader("X-Model-Sha256", sha256);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => {
      bar.value = total ? loaded / total : 0;
      say(loaded < total ? `${Math.floor((loaded / total) * 100)} % sent` : "Checking what came", false);
    };
    request.onload = async () => {
      if (request.status === 201) {
        window.removeEventListener("beforeunload", leaving);
        window.location.assign((JSON.parse(request.responseText) as { url: string }).url);
      } else if (request.status === 401 || request.status === 403) ended("Your session ended, or models are not yours to import. Log in again, then send the file.");
      else ended(await sentence(new Response(request.responseText, { status: request.status })));
    };
    request.onerror = () => ended("The network was lost while sending. Nothing was taken in. Send the file again.");
    request.send(file);
  });
}
