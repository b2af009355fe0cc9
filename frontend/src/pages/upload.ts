/**
 * One delivery from this browser to intake: open a batch, send each file, say that it is complete.
 * File names travel in a header, percent-encoded: they may name a patient and must not reach URLs or logs.
 */

export interface Picked {
  readonly file: File;
  readonly path: string;
}

export interface Progress {
  readonly sentBytes: number;
  readonly totalBytes: number;
  readonly sentFiles: number;
  readonly totalFiles: number;
}

export class UploadRefused extends Error {}

const PARALLEL = 3;
const TRIES = 4;

export function csrf(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? '';
}

export async function sentence(response: Response): Promise<string> {
  if (response.status === 401 || response.status === 403) return 'Your session ended. Log in again, then drop the files once more.';
  try {
    const body = (await response.json()) as { sentence?: string };
    if (body.sentence) return body.sentence;
  } catch {
    /* not JSON: a proxy answered */
  }
  return `The server answered ${response.status}. Drop the files again; if it stays so, tell your administrator.`;
}

export async function post(url: string, body: unknown = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrf() },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new UploadRefused(await sentence(response));
  return (await response.json()) as Record<string, unknown>;
}

/** One file. XMLHttpRequest, because fetch reports no upload progress. */
function put(url: string, picked: Picked, onBytes: (sent: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', url);
    request.setRequestHeader('X-CSRFToken', csrf());
    request.setRequestHeader('X-File-Path', encodeURIComponent(picked.path));
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => onBytes(event.loaded);
    request.onload = async () => {
      if (request.status >= 200 && request.status < 300) return resolve();
      reject(new UploadRefused(await sentence(new Response(request.responseText, { status: request.status }))));
    };
    request.onerror = () => reject(new TypeError('network'));
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(picked.file);
  });
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function putPatiently(url: string, picked: Picked, onBytes: (sent: number) => void, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await put(url, picked, onBytes, signal);
    } catch (error) {
      // Only a lost network is worth another try; a refusal stays a refusal.
      if (!(error instanceof TypeError)) throw error;
      if (attempt === TRIES) throw new UploadRefused('The network was lost while sending. Drop the files again; what came in already is not doubled.');
      onBytes(0);
      await pause(1000 * 2 ** attempt);
    }
  }
}

/** Sends all files and returns the batch's uuid. */
export async function deliver(
  picked: readonly Picked[],
  options: { name: string; patient?: string; case?: number },
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<string> {
  const totalBytes = picked.reduce((sum, item) => sum + item.file.size, 0);
  const sent = new Map<Picked, number>();
  let sentFiles = 0;
  const report = (): void =>
    onProgress({ sentBytes: [...sent.values()].reduce((a, b) => a + b, 0), totalBytes, sentFiles, totalFiles: picked.length });

  const { uuid } = (await post('/api/intake/batches', options)) as { uuid: string };
  const waiting = [...picked];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item; item = waiting.shift()) {
      const current = item;
      await putPatiently(`/api/intake/batches/${uuid}/files`, current, (bytes) => { sent.set(current, bytes); report(); }, signal);
      sent.set(current, current.file.size);
      sentFiles += 1;
      report();
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL }, worker));
    await post(`/api/intake/batches/${uuid}/finish`);
  } catch (error) {
    await post(`/api/intake/batches/${uuid}/stop`).catch(() => undefined);
    throw error;
  }
  return uuid;
}
