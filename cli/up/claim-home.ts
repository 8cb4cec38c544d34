import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { WeftError } from '#core/errors.js';
import type { Home } from './home.js';

/** Refuses a second `up` on one home while the first lives. Gives what lets go of it. */
export function claimHome(home: Home): () => void {
  home.folder();
  const file = home.file('up.pid');
  const holder = Number(read(file));
  if (holder > 0 && holder !== process.pid && lives(holder)) {
    const what = `this marketplace is up already (process ${holder}); use another WEFT_HOME for a second one`;
    throw new WeftError('CONFIG_INVALID', what, { home: home.path });
  }
  writeFileSync(file, String(process.pid), { mode: 0o600 });
  return () => rmSync(file, { force: true });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
