import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import type { Domain } from '#payments/typed-data.js';
import * as proto from '#protos/weft/registry/v1/registry.js';
import { readSignedListing, type SignedListing, writeSignedListing } from './listing-wire.js';

const schema = z.object({
  chainId: z.string(),
  assets: z.string(),
  /** Set before minting: how many assets there were. */
  mintingAfter: z.string().optional(),
  asset: z.string().optional(),
  /** base64 of a SignedListing. */
  listing: z.string().optional(),
});
type Content = z.output<typeof schema>;

/** What a provider has to remember of one offer, so that a second start publishes nothing twice. One file, one publisher at a time. */
export class PublishState {
  private constructor(
    private readonly file: string,
    private content: Content,
  ) {}

  /** A missing file, and one of another chain or deployment, is a beginning. Throws CONFIG_INVALID for one that is broken. */
  static async open(file: string, domain: Domain): Promise<PublishState> {
    const fresh = { chainId: String(domain.chainId), assets: toHex(domain.verifyingContract) };
    const content = await read(file);
    const isOurs = content?.chainId === fresh.chainId && content.assets === fresh.assets;
    return new PublishState(file, isOurs ? content : fresh);
  }

  get asset(): bigint | undefined {
    return this.content.asset === undefined ? undefined : BigInt(this.content.asset);
  }

  get mintingAfter(): bigint | undefined {
    return this.content.mintingAfter === undefined ? undefined : BigInt(this.content.mintingAfter);
  }

  /** The last listing that was signed, whether or not it came to the chain. */
  get listing(): SignedListing | undefined {
    const { listing } = this.content;
    return listing === undefined
      ? undefined
      : readSignedListing(proto.SignedListing.decode(Buffer.from(listing, 'base64')));
  }

  async startMinting(count: bigint): Promise<void> {
    await this.#save({ ...this.content, mintingAfter: String(count) });
  }

  async setAsset(asset: bigint): Promise<void> {
    const { mintingAfter: _, ...rest } = this.content;
    await this.#save({ ...rest, asset: String(asset) });
  }

  async setListing(signed: SignedListing): Promise<void> {
    const bytes = proto.SignedListing.encode(writeSignedListing(signed)).finish();
    await this.#save({ ...this.content, listing: Buffer.from(bytes).toString('base64') });
  }

  /** On disk before it returns: what follows is on a chain and cannot be taken back. */
  async #save(content: Content): Promise<void> {
    await mkdir(dirname(this.file), { recursive: true });
    const draft = `${this.file}.${process.pid}`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(content, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.file);
    this.content = content;
  }
}

async function read(file: string): Promise<Content | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new WeftError('CONFIG_INVALID', `${file} does not say what was published`, { file }, { cause });
  }
}
