/** What a person dropped or chose, with paths, folders walked. */

import type { Picked } from './upload.ts';

async function walk(entry: FileSystemEntry, into: Picked[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    into.push({ file, path: entry.fullPath.replace(/^\//, '') });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader hands out at most 100 entries a call; an empty answer is the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const child of entries) await walk(child, into);
  }
}

export async function fromDrop(transfer: DataTransfer): Promise<Picked[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const picked: Picked[] = [];
  for (const entry of entries) await walk(entry, picked);
  return picked;
}

export function fromInput(input: HTMLInputElement): Picked[] {
  return [...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** The name of the delivery: the folder or zip that was dropped, or how many files there were. */
export function deliveryName(picked: readonly Picked[]): string {
  const tops = new Set(picked.map((item) => item.path.split('/')[0] ?? item.path));
  const [only] = tops;
  return tops.size === 1 && only ? only : `${picked.length} files`;
}
