import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { WeftError } from '#core/errors.js';
import { secretFile, writeFileAtomic } from '#platform/secrets.js';

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
  private constructor(
    private readonly file: string,
    private readonly keys: Map<string, StoredKey>,
  ) {}

  /** `folder` holds `keys.json` and, in `local.key`, the first key, which may do everything. */
  static open(folder: string): KeyStore {
    const file = join(folder, 'keys.json');
    if (existsSync(file)) return new KeyStore(file, new Map(readKeys(file).map((key) => [key.sha256, key])));
    const store = new KeyStore(file, new Map());
    // The key before its hash: a crash between the two leaves a key that opens nothing yet, and is taken the next time.
    store.add(FIRST_KEY, scopes, secretFile(firstKeyFile(folder), newToken));
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
  create(name: string, wanted: readonly Scope[]): string {
    const token = newToken();
    this.add(name, wanted, token);
    return token;
  }

  revoke(name: string): void {
    const key = [...this.keys.values()].find((each) => each.name === name);
    if (key === undefined) throw new WeftError('NOT_FOUND', `there is no key "${name}"`, { field: 'name' });
    this.save({ ...key, revoked: true });
  }

  private add(name: string, wanted: readonly Scope[], token: string): void {
    if ([...this.keys.values()].some((key) => key.name === name))
      throw new WeftError('INVALID_INPUT', `name: there is, or was, a key "${name}" already`, { field: 'name' });
    const createdAtSec = Math.floor(Date.now() / 1000);
    this.save({ name, scopes: [...wanted], createdAtSec, revoked: false, sha256: hashOf(token) });
  }

  /** On disk first: what is refused by a full disk has not happened. */
  private save(key: StoredKey): void {
    const next = new Map(this.keys).set(key.sha256, key);
    writeFileAtomic(this.file, `${JSON.stringify({ keys: [...next.values()] }, undefined, 2)}\n`);
    this.keys.set(key.sha256, key);
  }
}

/** Where the gateway of a marketplace keeps its keys. */
export const gatewayFolder = (home: string): string => join(home, 'gateway');
export const firstKeyFile = (folder: string): string => join(folder, `${FIRST_KEY}.key`);

function readKeys(file: string): StoredKey[] {
  try {
    return stored.parse(JSON.parse(readFileSync(file, 'utf8'))).keys;
  } catch (cause) {
    throw new WeftError('CONFIG_INVALID', `${file} is not a file of gateway keys`, { field: file }, { cause });
  }
}
