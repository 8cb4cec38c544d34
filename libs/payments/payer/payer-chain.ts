import { setTimeout as delay } from 'node:timers/promises';
import { type BaseWallet, type JsonRpcProvider, zeroPadValue } from 'ethers';
import { interfaceOf } from '#contracts/artifact.js';
import { Assets, type Head, type Span } from '#contracts/assets.js';
import type { BlockMark, UnsignedTransaction } from '#contracts/chain.js';
import { chainProvider, checkChain, orChainError } from '#contracts/chain-provider.js';
import { type Channel, Escrow, type EscrowEvent, parseEscrowLogs } from '#contracts/escrow.js';
import { type Job, type JobStep, Jobs, type JobsEvent, parseJobsLogs } from '#contracts/jobs.js';
import { Licences } from '#contracts/licences.js';
import { type EventLog, readLogs } from '#contracts/read-logs.js';
import { Token } from '#contracts/token.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { withoutSecrets } from '#core/part-down.js';
import type { TransactionSender } from '../chain/transaction-sender.js';

export interface PayerChainOptions {
  readonly rpcUrl: string;
  readonly chainId: bigint;
  /** Addresses as "0x…". Pinned: nothing that a provider says changes them. */
  readonly escrow: string;
  readonly assets: string;
  readonly token: string;
  /** Where licences are sold, if anywhere. */
  readonly licences?: string | undefined;
  /** Of the same token; none: no jobs are funded. */
  readonly jobs?: string | undefined;
  /** Money counts once it is this many blocks deep; 0 on anvil, which makes no empty blocks. */
  readonly confirmations: number;
  /** As for `TransactionSender`. */
  readonly maxFeePerGas?: bigint;
  /** Block from which on the escrow has events; used to find channels and jobs of a lost ledger. */
  readonly fromBlock: number;
}

const HEAD_TRUSTED_MS = 30_000;
/** How long a node that is behind is waited for. */
const NODE_LAG_MS = 5_000;
const NODE_LAG_POLL_MS = 200;
const SPAN_LAG_MS = 2_000;

/** What a payer asks the chain and sends to it. Errors: CHAIN_UNAVAILABLE, WRONG_CHAIN. */
export class PayerChain {
  readonly provider: JsonRpcProvider;
  readonly escrow: Escrow;
  readonly assets: Assets;
  readonly token: Token;
  readonly licences: Licences | undefined;
  readonly jobs: Jobs | undefined;
  readonly #heads = new Map<bigint, { head: Head; atMs: number }>();
  #checked: Promise<void> | undefined;
  #sender: Promise<TransactionSender> | undefined;
  #windowSec: number | undefined;
  #timeSec = 0;
  /** The highest block by which money was counted. */
  #reached = 0;

  constructor(
    readonly options: PayerChainOptions,
    readonly payer: BaseWallet,
    private readonly makeSender: (provider: JsonRpcProvider) => Promise<TransactionSender>,
  ) {
    this.provider = chainProvider(options);
    this.escrow = new Escrow(options.escrow, this.provider);
    this.assets = new Assets(options.assets, this.provider);
    this.token = new Token(options.token, this.provider);
    this.licences = options.licences === undefined ? undefined : new Licences(options.licences, this.provider);
    this.jobs = options.jobs === undefined ? undefined : new Jobs(options.jobs, this.provider);
  }

  /** Who signs for an asset, in which tenure; at most half a minute old unless `fresh`. */
  async head(asset: bigint, fresh = false): Promise<Head> {
    const known = this.#heads.get(asset);
    if (!fresh && known !== undefined && Date.now() - known.atMs < HEAD_TRUSTED_MS) return known.head;
    const head = await this.#ask(() => this.assets.head(asset));
    this.#heads.set(asset, { head, atMs: Date.now() });
    return head;
  }

  /** Asked for once more when the key is unknown: the node may be a block behind the one that named it. */
  async span(asset: bigint, operator: Uint8Array): Promise<Span | undefined> {
    const ask = () => this.#ask(() => this.assets.span(asset, operator));
    const span = await ask();
    if (span !== undefined) return span;
    await delay(SPAN_LAG_MS);
    return await ask();
  }

  /** At the confirmed block. */
  async channel(id: Uint8Array): Promise<Channel> {
    const at = await this.#confirmed();
    return await this.#ask(() => this.escrow.channel(id, at));
  }

  /** A job and one of its steps at the confirmed block. */
  async job(jobs: Jobs, jobId: Uint8Array, step: number): Promise<{ job: Job; step: JobStep }> {
    const at = await this.#confirmed();
    const [job, found] = await this.#ask(() => Promise.all([jobs.job(jobId, at), jobs.step(jobId, step, at)]));
    return { job, step: found };
  }

  /** The newest block by which money counts. */
  async confirmedBlock(): Promise<BlockMark> {
    return await this.#mark(await this.#confirmed());
  }

  /** Whether money was counted by a block that is part of the chain still. */
  async isInChain({ number, hash }: BlockMark): Promise<boolean> {
    return (await this.#mark(number)).hash === hash;
  }

  /** What was released for a step that was completed. */
  async paidFor(jobs: Jobs, jobId: Uint8Array, step: number): Promise<bigint> {
    return await this.#ask(() => jobs.paidFor(jobId, step, this.options.fromBlock));
  }

  /** Sees to it that a contract may take `amount` of the payer's tokens. */
  async allow(spender: string, amount: bigint): Promise<void> {
    const allowed = await this.#ask(() => this.token.allowance(this.payer.address, spender));
    if (allowed < amount) await this.send(this.token.approve(spender, amount));
  }

  /** What jobs gave back, to be withdrawn. */
  async refunded(jobs: Jobs): Promise<bigint> {
    return await this.#ask(() => jobs.balanceOf(this.payer.address));
  }

  /**
   * The newest block by which money counts. It never goes back: of several nodes behind one URL one may be a moment behind
   * the others, and what it does not show yet would count as undone.
   */
  async #confirmed(): Promise<number> {
    for (const giveUpAtMs = Date.now() + NODE_LAG_MS; ; await delay(NODE_LAG_POLL_MS)) {
      const newest = await this.#ask(() => this.provider.getBlockNumber());
      const number = Math.max(newest - this.options.confirmations, 0);
      if (number >= this.#reached) {
        this.#reached = number;
        return number;
      }
      if (Date.now() >= giveUpAtMs) throw this.#behind(newest);
    }
  }

  async #mark(number: number): Promise<BlockMark> {
    const block = await this.#ask(() => this.provider.getBlock(number));
    if (block?.hash == null) throw this.#behind(number - 1);
    return { number, hash: block.hash };
  }

  #behind(newest: number): WeftError {
    const { rpcUrl, confirmations } = this.options;
    const seen = this.#reached + confirmations;
    return new WeftError(
      'CHAIN_UNAVAILABLE',
      `the node at ${withoutSecrets(rpcUrl)} is behind: it shows block ${newest}, and block ${seen} was there before`,
      { newest: String(newest), seen: String(seen) },
    );
  }

  async funds(): Promise<{ free: bigint; inToken: bigint }> {
    const [free, inToken] = await this.#ask(() =>
      Promise.all([this.escrow.balanceOf(this.payer.address), this.token.balanceOf(this.payer.address)]),
    );
    return { free, inToken };
  }

  async windowSec(): Promise<number> {
    this.#windowSec ??= await this.#ask(() => this.escrow.windowSec());
    return this.#windowSec;
  }

  /** Reads the newest block's time; `nowSec` is never before it. */
  async readTime(): Promise<number> {
    const block = await this.#ask(() => this.provider.getBlock('latest'));
    this.#timeSec = Math.max(this.#timeSec, block?.timestamp ?? 0);
    return this.nowSec();
  }

  /** The chain's time has been read once, at least. */
  async knowTime(): Promise<number> {
    return this.#timeSec === 0 ? await this.readTime() : this.nowSec();
  }

  /** Ours or the chain's, whichever is ahead: a local chain that mines many blocks in a second runs ahead. */
  nowSec(): number {
    return Math.max(Math.floor(Date.now() / 1000), this.#timeSec);
  }

  /** Every channel that this payer opened. */
  async opened(fromBlock: number): Promise<(EscrowEvent & { name: 'Opened' })[]> {
    const topic = interfaceOf('Escrow').getEvent('Opened')!.topicHash;
    const logs = await this.#logs(this.options.escrow, [topic, null, this.#payerTopic], fromBlock);
    return parseEscrowLogs(logs, this.options.escrow).filter((event) => event.name === 'Opened');
  }

  /** Every job that this payer funded. */
  async fundedJobs(jobs: Jobs, fromBlock: number): Promise<(JobsEvent & { name: 'JobFunded' })[]> {
    const topic = interfaceOf('Jobs').getEvent('JobFunded')!.topicHash;
    const logs = await this.#logs(jobs.address, [topic, null, this.#payerTopic], fromBlock);
    return parseJobsLogs(logs, jobs.address).filter((event) => event.name === 'JobFunded');
  }

  /** What each job gave back to this payer, by its id in hex. */
  async refunds(jobs: Jobs): Promise<Map<string, bigint>> {
    const topic = interfaceOf('Jobs').getEvent('Refunded')!.topicHash;
    const logs = await this.#logs(jobs.address, [topic, null, null, this.#payerTopic], this.options.fromBlock);
    const sums = new Map<string, bigint>();
    for (const event of parseJobsLogs(logs, jobs.address)) {
      if (event.name !== 'Refunded') continue;
      const key = hexKey(event.jobId);
      sums.set(key, (sums.get(key) ?? 0n) + event.amount);
    }
    return sums;
  }

  get #payerTopic(): string {
    return zeroPadValue(this.payer.address, 32);
  }

  async #logs(address: string, topics: (string | null)[], fromBlock: number): Promise<EventLog[]> {
    return await this.#ask(() => readLogs(this.provider, { address, topics }, fromBlock));
  }

  /** Sends, waits until it is as deep as it has to be, and gives its hash. */
  async send(transaction: UnsignedTransaction): Promise<string> {
    const sender = await this.sender();
    const { hash, blockNumber } = await sender.send(transaction);
    this.#reached = Math.max(this.#reached, blockNumber);
    return hash;
  }

  /** Sends again what the chain has not, or no longer: after a crash, or after a reorganisation took it back. */
  async resume(): Promise<void> {
    await (await this.sender()).resume();
  }

  /** Resolves when every transaction of this payer, also of an earlier process, is as deep as it has to be. */
  async settled(): Promise<void> {
    const block = await (await this.sender()).settled();
    this.#reached = Math.max(this.#reached, block);
  }

  /** Puts `amount` of the payer's tokens into the escrow. */
  async deposit(amount: bigint): Promise<void> {
    await this.allow(this.options.escrow, amount);
    await this.send(this.escrow.deposit(amount));
  }

  /** Made on first use, so that a wallet starts, and signs under open quotes, while the chain is down. */
  sender(): Promise<TransactionSender> {
    this.#sender ??= this.#check()
      .then(() => this.makeSender(this.provider))
      .catch((error) => {
        this.#sender = undefined;
        throw error;
      });
    return this.#sender;
  }

  /** Ends all waiting for transactions; what was sent stays sent. */
  stop(): void {
    this.#sender?.then((sender) => sender.stop()).catch(() => {});
  }

  close(): void {
    this.stop();
    this.provider.destroy();
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    await this.#check();
    return await orChainError(this.options.rpcUrl, question());
  }

  /** Once: an RPC URL that leads to another chain must not be believed about anything. */
  #check(): Promise<void> {
    this.#checked ??= checkChain(this.provider, this.options).catch((error) => {
      this.#checked = undefined;
      throw error;
    });
    return this.#checked;
  }
}

export const hexKey = (bytes: Uint8Array): string => toHex(bytes).slice(2);
