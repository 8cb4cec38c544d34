import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Whole or not at all, also after the power fails: whoever acts on what was written may rely on it. */
export async function writeDurably(file: string, text: string): Promise<void> {
  await rename(await draftOf(file, text), file);
  await sync(dirname(file));
}

/** The same for a file that must not be there yet; false if somebody was first. */
export async function createDurably(file: string, text: string): Promise<boolean> {
  const draft = await draftOf(file, text);
  try {
    await link(draft, file);
    await sync(dirname(file));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

async function draftOf(file: string, text: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(draft, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return draft;
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
