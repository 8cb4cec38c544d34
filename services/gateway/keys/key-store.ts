import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { WeftError } from '#core/errors.js';

/** read: look at offers and at one's own runs. run: start and cancel runs. admin: everybody's runs, and keys. */
export const scopes = ['read', 'run', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** Names own runs: a name is never given twice, not even after its key was revoked. */
export const keyName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and "-"');

export interface ApiKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAtSec: number;
  readonly revoked: boolean;
}

const stored = z.object({
  keys: z.array(
    z.object({
      name: keyName,
      scopes: z.array(z.enum(scopes)),
      createdAtSec: z.number().int(),
      revoked: z.boolean(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});
type StoredKey = z.infer<typeof stored>['keys'][number];

/** Keys have 256 random bits: a plain hash gives nothing away, and looking it up in a map takes no secret-dependent time. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
const newToken = (): string => `weft_${randomBytes(32).toString('base64url')}`;

const FIRST_KEY = 'local';

/** The gateway's keys: a file of hashes. The first key is made with the file and stands, readable by its owner alone, beside it. */
export class KeyStore {
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly file: string,
    private readonly keys: Map<string, StoredKey>,
  ) {}

  /** `folder` holds `keys.json` and, in `local.key`, the first key, which may do everything. */
  static async open(folder: string): Promise<KeyStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, 'keys.json');
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text !== undefined) return new KeyStore(file, new Map(parse(text, file).map((key) => [key.sha256, key])));

    const store = new KeyStore(file, new Map());
    const token = newToken();
    // The key before its hash: a crash between the two leaves a key that opens nothing, and the next start makes another.
    await writePrivate(firstKeyFile(folder), `${token}\n`);
    await store.add(FIRST_KEY, scopes, token);
    return store;
  }

  /** The key that a token is, unless it is unknown or revoked. */
  find(token: string): ApiKey | undefined {
    const key = this.keys.get(hashOf(token));
    return key === undefined || key.revoked ? undefined : key;
  }

  list(): ApiKey[] {
    return [...this.keys.values()].map(({ sha256: _hidden, ...key }) => key);
  }

  /** Gives the token, which is shown once. */
  async create(name: string, wanted: readonly Scope[]): Promise<string> {
    const token = newToken();
    await this.add(name, wanted, token);
    return token;
  }

  async revoke(name: string): Promise<void> {
    const key = [...this.keys.values()].find((k) => k.name === name);
    if (key === undefined) throw new WeftError('NOT_FOUND', `there is no key "${name}"`, { field: 'name' });
    key.revoked = true;
    await this.save();
  }

  private async add(name: string, wanted: readonly Scope[], token: string): Promise<void> {
    if ([...this.keys.values()].some((key) => key.name === name))
      throw new WeftError('INVALID_INPUT', `name: there is, or was, a key "${name}" already`, { field: 'name' });
    const sha256 = hashOf(token);
    const createdAtSec = Math.floor(Date.now() / 1000);
    this.keys.set(sha256, { name, scopes: [...wanted], createdAtSec, revoked: false, sha256 });
    await this.save();
  }

  /** One write at a time, each of all keys. */
  private save(): Promise<void> {
    const next = this.writing.then(() =>
      writePrivate(this.file, `${JSON.stringify({ keys: [...this.keys.values()] }, undefined, 2)}\n`),
    );
    this.writing = next.catch(() => {});
    return next;
  }
}

export const firstKeyFile = (folder: string): string => join(folder, `${FIRST_KEY}.key`);

function parse(text: string, file: string): StoredKey[] {
  try {
    return stored.parse(JSON.parse(text)).keys;
  } catch (cause) {
    throw new WeftError('CONFIG_INVALID', `${file} is not a file of gateway keys`, { field: file }, { cause });
  }
}

/** Replaces a file as a whole; only its owner may read it. */
async function writePrivate(file: string, text: string): Promise<void> {
  const draft = `${file}.new`;
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(draft, 0o600);
  await rename(draft, file);
}
