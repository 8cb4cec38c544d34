import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { WeftError } from '#core/errors.js';
import { hasCode } from './has-code.js';

/**
 * The secret in `path`; made with `create` the first time, whoever of several processes comes first.
 * Refuses a file that others than its owner may read.
 */
export function secretFile(path: string, create: () => string): string {
  try {
    return readSecret(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = writeBeside(path, create(), 0o600);
  try {
    // Unlike a rename, a link never replaces what another process wrote meanwhile.
    linkSync(fresh, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(fresh, { force: true });
  }
  return readSecret(path);
}

/** A password or token that nobody guesses. */
export const randomSecret = (): string => randomBytes(32).toString('base64url');

/** The secret in a file that must exist, without the line end that editors add. */
export function readSecret(path: string): string {
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0)
    throw new WeftError('CONFIG_INVALID', `${path} may be read by others: run "chmod 600 ${path}"`, { path });
  const secret = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  if (secret === '') throw new WeftError('CONFIG_INVALID', `${path} is empty`, { path });
  return secret;
}

/** Writes a file so that a reader, also after a crash, sees the old content or the new one, never a part. */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true });
  renameSync(writeBeside(path, content, mode), path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function writeBeside(path: string, content: string | Uint8Array, mode: number): string {
  const fresh = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = openSync(fresh, 'wx', mode);
  try {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return fresh;
}
