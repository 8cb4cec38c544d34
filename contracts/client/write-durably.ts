import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Of what is made; by default what the process makes files and folders with. */
export interface Modes {
  readonly file?: number;
  readonly folder?: number;
}

/** Whole or not at all, also after the power fails: whoever acts on what was written may rely on it. */
export async function writeDurably(file: string, content: string | Uint8Array, modes: Modes = {}): Promise<void> {
  await drafted(file, content, modes, (draft) => rename(draft, file));
}

/** The same for a file that must not be there yet; false if somebody was first. */
export async function createDurably(file: string, content: string | Uint8Array, modes: Modes = {}): Promise<boolean> {
  try {
    await drafted(file, content, modes, (draft) => link(draft, file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Writes beside the file, under a name of its own, and has it put into its place. */
async function drafted(
  file: string,
  content: string | Uint8Array,
  modes: Modes,
  place: (draft: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(file);
  await makeFolder(folder, modes.folder);
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(draft, 'wx', modes.file);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(draft);
  } finally {
    await rm(draft, { force: true });
  }
  await sync(folder);
}

async function makeFolder(folder: string, mode: number | undefined): Promise<void> {
  const first = await mkdir(folder, { recursive: true, ...(mode !== undefined && { mode }) });
  if (first === undefined) return;
  // Each that is new is durable once the one that holds it is.
  for (let made = folder; made.length >= first.length; made = dirname(made)) await sync(dirname(made));
}

/** A name is durable once its folder is. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
