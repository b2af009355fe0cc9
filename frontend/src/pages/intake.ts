/** Intake and the mask button of a case: drop, send with progress, watch what becomes of it. */

import { Live } from './live.ts';
import { deliveryName, fromDrop, fromInput } from './picked.ts';
import { deliver, post, UploadRefused, type Picked, type Progress } from './upload.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** One line per delivery that this page sends. */
class UploadLine {
  private readonly item = document.createElement('li');
  private readonly bar = document.createElement('progress');
  private readonly text = document.createElement('span');
  private readonly stop = document.createElement('button');
  readonly abort = new AbortController();

  constructor(list: HTMLElement, name: string) {
    const title = document.createElement('b');
    title.textContent = name;
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.setAttribute('aria-label', `Sending ${name}`);
    this.text.className = 't2 sm num nowrap';
    this.text.textContent = 'Sending';
    this.stop.type = 'button';
    this.stop.className = 'btn btn-sm btn-quiet';
    this.stop.textContent = 'Stop';
    this.stop.addEventListener('click', () => this.abort.abort());
    this.item.className = 'upload panel';
    this.item.append(title, this.bar, this.text, this.stop);
    list.prepend(this.item);
  }

  show(progress: Progress): void {
    this.bar.value = progress.totalBytes ? progress.sentBytes / progress.totalBytes : 1;
    this.text.textContent = `${progress.sentFiles} of ${progress.totalFiles} files, ${megabytes(progress.sentBytes)} of ${megabytes(progress.totalBytes)}`;
  }

  done(): void {
    this.item.remove();
  }

  refuse(sentence: string): void {
    this.bar.remove();
    this.text.classList.remove('nowrap');
    this.text.classList.add('bad-t');
    this.text.textContent = sentence;
    this.stop.textContent = 'Dismiss';
    this.stop.addEventListener('click', () => this.item.remove());
  }
}

/** The table of deliveries: live, and each one that runs can be stopped. */
function batchTable(holder: HTMLElement): Live {
  const live = new Live(holder);
  holder.addEventListener('click', (event) => void (async () => {
    const button = (event.target as HTMLElement).closest<HTMLButtonElement>('[data-stop]');
    if (!button) return;
    button.disabled = true;
    await post(`/api/intake/batches/${button.dataset['stop']}/stop`).catch(() => undefined);
    await live.refresh();
  })());
  return live;
}

function intakePage(zone: HTMLElement): void {
  const list = document.querySelector<HTMLElement>('[data-uploads]');
  const holder = document.querySelector<HTMLElement>('[data-batches]');
  const patient = document.querySelector<HTMLInputElement>('[data-patient]');
  if (!list || !holder) return;
  const batches = batchTable(holder);

  const send = async (picked: Picked[]): Promise<void> => {
    if (picked.length === 0) return;
    const name = deliveryName(picked);
    const line = new UploadLine(list, name);
    const options = patient?.value.trim() ? { name, patient: patient.value.trim() } : { name };
    try {
      await deliver(picked, options, (progress) => line.show(progress), line.abort.signal);
      line.done();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') line.done();
      else line.refuse(error instanceof UploadRefused ? error.message : 'The files could not be read from this computer. Choose them again.');
    }
    await batches.refresh();
  };

  // The whole page accepts a drop: a file that misses the frame must not replace the page.
  window.addEventListener('dragover', (event) => { event.preventDefault(); zone.classList.add('over'); });
  window.addEventListener('dragleave', (event) => { if (!event.relatedTarget) zone.classList.remove('over'); });
  window.addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    if (event.dataTransfer) void fromDrop(event.dataTransfer).then(send);
  });
  for (const kind of ['files', 'folder']) {
    const input = zone.querySelector<HTMLInputElement>(`[data-input="${kind}"]`);
    zone.querySelector(`[data-choose="${kind}"]`)?.addEventListener('click', () => input?.click());
    input?.addEventListener('change', () => { const picked = fromInput(input); input.value = ''; void send(picked); });
  }
}

/** The mask button of a case: sends one file and waits for what became of it. */
function maskButton(holder: HTMLElement): void {
  const input = holder.querySelector<HTMLInputElement>('[data-input="mask"]');
  const state = holder.querySelector<HTMLElement>('[data-mask-state]');
  if (!input || !state) return;
  holder.querySelector('[data-choose="mask"]')?.addEventListener('click', () => input.click());
  input.addEventListener('change', () => void (async () => {
    const picked = fromInput(input);
    input.value = '';
    if (picked.length === 0) return;
    try {
      state.classList.remove('bad-t');
      state.textContent = 'Sending';
      const uuid = await deliver(picked, { name: deliveryName(picked), case: Number(holder.dataset['case']) }, () => undefined, new AbortController().signal);
      state.textContent = 'Placing the mask';
      const refusal = await outcome(uuid);
      if (refusal) { state.textContent = refusal; state.classList.add('bad-t'); } else window.location.reload();
    } catch (error) {
      state.textContent = error instanceof UploadRefused ? error.message : 'The file could not be read from this computer. Choose it again.';
      state.classList.add('bad-t');
    }
  })());
}

interface BatchAnswer { state: string; message: string; series: { outcome: string; why: string }[] }

/** Waits until a batch has ended; the sentence of its refusal, or an empty string. */
async function outcome(uuid: string): Promise<string> {
  for (;;) {
    const response = await fetch(`/api/intake/batches/${uuid}`, { credentials: 'same-origin' });
    const batch = (await response.json()) as BatchAnswer;
    if (batch.state === 'failed') return batch.message;
    if (batch.state === 'done') return batch.series.find((row) => row.outcome === 'refused')?.why ?? '';
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}

const zone = document.querySelector<HTMLElement>('[data-drop]');
if (zone) intakePage(zone);
const mask = document.querySelector<HTMLElement>('[data-mask-drop]');
if (mask) maskButton(mask);
