import { isDeepStrictEqual } from 'node:util';
import type { Block, JsonRpcProvider } from 'ethers';
import { interfaceOf } from '#contracts/artifact.js';
import { Assets, type Head, type Span } from '#contracts/assets.js';
import type { BlockMark } from '#contracts/chain.js';
import { orChainError } from '#contracts/chain-provider.js';
import { type Channel, Escrow } from '#contracts/escrow.js';
import { heldTokens, type TokenAsked } from '#contracts/held-tokens.js';
import { type Job, type JobStep, Jobs } from '#contracts/jobs.js';
import { type EndReason, Licences } from '#contracts/licences.js';
import { newestLog } from '#contracts/read-logs.js';
import { WeftError } from '#core/errors.js';
import { sameBytes, toHex } from '#core/hex.js';
import type { LicenceOnChain } from './licence-ledger.js';

export interface ChainViewOptions {
  readonly provider: JsonRpcProvider;
  readonly rpcUrl: string;
  readonly chainId: bigint;
  /** "0x…" */
  readonly escrow: string;
  readonly assets: string;
  /** Where licences are sold; without it none admits a call. */
  readonly licences?: string | undefined;
  /** Of the escrow's token; none: no jobs are taken. */
  readonly jobs?: string | undefined;
  /** Money counts once it is this many blocks deep; 0 on anvil, which makes no empty blocks. */
  readonly confirmations: number;
  /** Nothing new is credited while the newest block is older, or as far in the future. Not on anvil, which makes no empty blocks. */
  readonly maxBlockAgeSec?: number | undefined;
  /** A second node, of somebody else: nothing new is credited that it does not show as well. */
  readonly witness?: JsonRpcProvider | undefined;
}

export interface JobOnChain {
  readonly job: Job;
  readonly step: JobStep;
}

/** So far back is looked for a reason that only words an error: who shows old licences must not cost many questions. */
const END_BLOCKS = 100_000;

/** What a provider asks the chain. Errors: CHAIN_UNAVAILABLE. */
export class ChainView {
  readonly escrow: Escrow;
  readonly assets: Assets;
  readonly licences: Licences | undefined;
  readonly jobs: Jobs | undefined;
  readonly #options: ChainViewOptions;
  #chainTimeSec = 0;
  #highestBlock = 0;

  constructor(options: ChainViewOptions) {
    this.#options = options;
    this.escrow = new Escrow(options.escrow, options.provider);
    this.assets = new Assets(options.assets, options.provider);
    this.licences = options.licences === undefined ? undefined : new Licences(options.licences, options.provider);
    this.jobs = options.jobs === undefined ? undefined : new Jobs(options.jobs, options.provider);
  }

  /**
   * A channel at the confirmed block: by this, money is credited. CHAIN_UNAVAILABLE also while the node is on another
   * chain, stands still, has gone back, or is contradicted by the witness.
   */
  async channel(id: Uint8Array): Promise<Channel> {
    const { escrow } = this.#options;
    return await this.#credited('the channel', (provider, at) => new Escrow(escrow, provider).channel(id, at));
  }

  /** A job and one of its steps, as `channel` does. JOB_UNFIT if jobs are not taken here. */
  async job(jobId: Uint8Array, step: number): Promise<JobOnChain> {
    const { jobs } = this.#options;
    if (jobs === undefined) throw new WeftError('JOB_UNFIT', 'jobs are not taken here; pay through a channel');
    return await this.#credited('the job', async (provider, at) => {
      const contract = new Jobs(jobs, provider);
      const [job, found] = await Promise.all([contract.job(jobId, at), contract.step(jobId, step, at)]);
      return { job, step: found };
    });
  }

  /** The block by which money is credited now. Errors as of `channel`. */
  async confirmedBlock(): Promise<BlockMark> {
    const { number, hash } = await this.#creditedBlock();
    return { number, hash: hash ?? '' };
  }

  /** Whether a block by which money was credited is part of the chain still. */
  async isInChain({ number, hash }: BlockMark): Promise<boolean> {
    return (await this.#ask(() => this.#options.provider.getBlock(number)))?.hash === hash;
  }

  /** A channel at the newest block: for claims, which only we can make. */
  async newestChannel(id: Uint8Array): Promise<Channel> {
    return await this.#ask(() => this.escrow.channel(id));
  }

  /**
   * A licence: bought, renewed or given another signer only as far as the confirmed block shows it; over, or without
   * the signer, as soon as the newest one does. Errors: LICENCE_UNKNOWN if none are taken here.
   */
  async licence(id: Uint8Array): Promise<LicenceOnChain> {
    const { licences } = this;
    if (licences === undefined) throw new WeftError('LICENCE_UNKNOWN', 'this provider takes no licences');
    const block = await this.#creditedBlock();
    this.#chainTimeSec = Math.max(this.#chainTimeSec, block.timestamp);
    const readAt = (from: JsonRpcProvider, at: number) => new Licences(licences.address, from).state(id, at);
    const state = await this.#credited('the licence', readAt, block);
    const { confirmations } = this.#options;
    const credited = { ...state, atSec: block.timestamp };
    if (confirmations === 0) return credited;
    const newest = await this.#ask(() => licences.state(id));
    if (credited.holder !== undefined && newest.holder === undefined) return { ...newest, atSec: block.timestamp };
    const same = credited.signer && newest.signer && sameBytes(credited.signer, newest.signer);
    return same ? credited : { ...credited, signer: undefined };
  }

  /** How much of a token somebody holds, at the confirmed block and at the newest. */
  async held(token: TokenAsked, holder: Uint8Array): Promise<{ credited: bigint; newest: bigint }> {
    const { provider, confirmations } = this.#options;
    const credited = await this.#credited('the tokens', (from, at) => heldTokens(from, token, holder, at));
    if (confirmations === 0) return { credited, newest: credited };
    return { credited, newest: await this.#ask(() => heldTokens(provider, token, holder)) };
  }

  /** Why a licence is over; undefined if that is long ago. */
  async licenceEnd(id: Uint8Array): Promise<EndReason | undefined> {
    return await this.#ask(async () => {
      const newest = await this.#options.provider.getBlockNumber();
      return await this.licences?.endOf(id, Math.max(0, newest - END_BLOCKS));
    });
  }

  /** Whether a channel was opened after a block. */
  async openedAfter(id: Uint8Array, block: number): Promise<boolean> {
    if ((await this.newestBlock()).blockNumber <= block) return false;
    const opened = interfaceOf('Escrow').getEvent('Opened')!.topicHash;
    const { escrow, provider } = this.#options;
    const filter = { address: escrow, topics: [opened, toHex(id)] };
    return (await this.#ask(() => newestLog(provider, filter, block + 1))) !== undefined;
  }

  async head(asset: bigint): Promise<Head> {
    return await this.#ask(() => this.assets.head(asset));
  }

  /** When a key was an asset's operator; undefined if it never was. */
  async span(asset: bigint, key: Uint8Array): Promise<Span | undefined> {
    return await this.#ask(() => this.assets.span(asset, key));
  }

  async windowSec(): Promise<number> {
    return await this.#ask(() => this.escrow.windowSec());
  }

  /** Reads the newest block: its number, and its time for `nowSec`. */
  async newestBlock(): Promise<{ blockNumber: number; atSec: number }> {
    const block = await this.#latest();
    // A date that cannot be true would let channels seem to be over that are not.
    const believed = ageOf(block) >= -(this.#options.maxBlockAgeSec ?? Number.POSITIVE_INFINITY);
    const atSec = believed ? block.timestamp : Math.floor(Date.now() / 1000);
    this.#chainTimeSec = Math.max(this.#chainTimeSec, atSec);
    return { blockNumber: block.number, atSec };
  }

  /**
   * The time to judge and sign by: ours, or the chain's if that is ahead (a local chain that mines many blocks in a
   * second runs ahead), so that no receipt is dated before its operator was named.
   */
  nowSec(): number {
    return Math.max(Math.floor(Date.now() / 1000), this.#chainTimeSec);
  }

  async #latest(): Promise<Block> {
    const block = await this.#ask(() => this.#options.provider.getBlock('latest'));
    if (block === null) throw this.#distrust('it has no newest block');
    return block;
  }

  async #creditedBlock(): Promise<Block> {
    const { confirmations, provider, chainId, maxBlockAgeSec } = this.#options;
    const [id, latest] = await Promise.all([this.#ask(() => provider.send('eth_chainId', [])), this.#latest()]);
    if (BigInt(id) !== chainId) throw this.#distrust(`it is on chain ${BigInt(id)}, not ${chainId}`);
    // It may take back what is not confirmed, and no more.
    if (latest.number + confirmations < this.#highestBlock)
      throw this.#distrust(`it went back from block ${this.#highestBlock} to ${latest.number}`);
    const ageSec = ageOf(latest);
    if (maxBlockAgeSec !== undefined && Math.abs(ageSec) > maxBlockAgeSec)
      throw this.#distrust(`its newest block is ${Math.abs(ageSec)} s ${ageSec > 0 ? 'old' : 'ahead of us'}`);
    this.#highestBlock = Math.max(this.#highestBlock, latest.number);
    if (confirmations === 0) return latest;
    const block = await this.#ask(() => provider.getBlock(Math.max(0, latest.number - confirmations)));
    if (block === null) throw this.#distrust(`it lacks block ${latest.number - confirmations}`);
    return block;
  }

  /** What is read at the credited block, and the same from the witness. */
  async #credited<T>(
    what: string,
    readAt: (from: JsonRpcProvider, block: number) => Promise<T>,
    at?: Block,
  ): Promise<T> {
    const { provider, witness } = this.#options;
    const { number, hash } = at ?? (await this.#creditedBlock());
    const found = await this.#ask(() => readAt(provider, number));
    if (witness === undefined) return found;
    const [block, seen] = await Promise.all([witness.getBlock(number), readAt(witness, number)]).catch((cause) => {
      throw this.#distrust('the witness does not answer for it', cause);
    });
    if (block?.hash !== hash) throw this.#distrust(`its block ${number} is not that of the witness`);
    if (!isDeepStrictEqual(seen, found)) throw this.#distrust(`the witness shows ${what} otherwise`);
    return found;
  }

  #distrust(why: string, cause?: unknown): WeftError {
    return new WeftError('CHAIN_UNAVAILABLE', `the chain's node is not believed now: ${why}`, {}, { cause });
  }

  #ask<T>(question: () => Promise<T>): Promise<T> {
    return orChainError(this.#options.rpcUrl, question());
  }
}

/** Seconds; negative for a block dated in the future. */
const ageOf = ({ timestamp }: Block): number => Math.floor(Date.now() / 1000) - timestamp;
