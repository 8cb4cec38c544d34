import { setTimeout as delay } from 'node:timers/promises';
import { type BaseWallet, JsonRpcProvider } from 'ethers';
import { WeftError } from '#core/errors.js';
import { initCode } from './artifact.js';
import { codeAt } from './chain.js';
import { orChainError } from './chain-provider.js';
import type { DeploymentPlan, Made, PlannedContract } from './deployment-plan.js';
import { mendedPlan, plannedWaves } from './deployment-plan.js';
import { explain } from './explain.js';
import { askFees, DEFAULT_MAX_FEE, firstOffer, type OfferedFees, raisedOffer } from './fees.js';
import { gasLimitFor } from './gas-limit.js';
import { isFeeTooLow, isKnownAlready } from './refusals.js';
import { isCodeOf } from './verify-deployment.js';

export interface CarryOutOptions {
  /** Blocks on top of the last contract before the deployment counts. Default 0. */
  readonly confirmations?: number;
  /** Never offered more, in wei for each unit of gas. Default 500 gwei. */
  readonly maxFeePerGas?: bigint;
  /** A contract that is not mined for so long is sent again, with a higher fee if it needs one. Default 10,000. */
  readonly resendMs?: number;
  /** What is going on, for people. */
  readonly onProgress?: (line: string) => void;
}

interface Sending extends CarryOutOptions {
  /** Called with a plan that had to change, before anything is sent by it. */
  readonly onMended?: (plan: DeploymentPlan) => Promise<void>;
}

interface Offered extends PlannedContract {
  readonly gasLimit: bigint;
  offer: OfferedFees;
}

const FIRST_POLL_MS = 5;
const SLOWEST_POLL_MS = 2_000;

/** Sends what of a plan is not there yet, waits until all of it is deep enough, and gives the plan as it was in the end. */
export async function carryOut(plan: DeploymentPlan, deployer: BaseWallet, options: Sending): Promise<DeploymentPlan> {
  const work = new CarryOut(deployer, options);
  let current = plan;
  for (;;) {
    const there = await work.send(plannedWaves(current));
    if (there === 'all') return current;
    current = mendedPlan(current, there, await work.freeNonce());
    options.onProgress?.(
      `another transaction of ${deployer.address} took a nonce of the deployment; going on with others`,
    );
    await options.onMended?.(current);
  }
}

class CarryOut {
  readonly #provider: JsonRpcProvider;
  readonly #confirmations: number;
  readonly #maxFee: bigint;
  readonly #told = new Set<string>();

  constructor(
    private readonly deployer: BaseWallet,
    private readonly options: Sending,
  ) {
    if (!(deployer.provider instanceof JsonRpcProvider)) throw new TypeError('the deployer has no provider');
    this.#provider = deployer.provider;
    this.#confirmations = options.confirmations ?? 0;
    this.#maxFee = options.maxFeePerGas ?? DEFAULT_MAX_FEE;
  }

  /** 'all' once everything is there; what is there if something of the plan can never be. */
  async send(waves: readonly (readonly PlannedContract[])[]): Promise<'all' | ReadonlySet<Made>> {
    const all = waves.flat();
    for (let pause = FIRST_POLL_MS; ; pause = slower(pause)) {
      for (const wave of waves) if ((await this.#sendWave(wave)) === 'broken') return await this.#there(all);
      if (this.#confirmations === 0) return 'all';
      if (await this.#asOfBlocks(() => this.#areDeep(all))) return 'all';
      this.#sayOnce(`waiting for ${this.#confirmations} blocks on top`);
      await delay(pause);
    }
  }

  async freeNonce(): Promise<number> {
    return await this.#ask(this.#provider.getTransactionCount(this.deployer.address, 'pending'));
  }

  /** Until all are in the newest block, or one of them can never be. */
  async #sendWave(wave: readonly PlannedContract[]): Promise<'there' | 'broken'> {
    let offered: Offered[] | undefined;
    let sentAt = 0;
    for (let pause = FIRST_POLL_MS; ; pause = slower(pause)) {
      const missing = await this.#asOfBlocks(() => this.#missing(wave));
      if (missing === 'broken') return 'broken';
      if (missing.length === 0) return 'there';
      if (offered === undefined || performance.now() - sentAt > (this.options.resendMs ?? 10_000)) {
        offered = await this.#offers(missing, offered);
        for (const each of offered) await this.#broadcast(each);
        sentAt = performance.now();
      } else {
        await delay(pause);
      }
    }
  }

  /** A reorganisation may take a block away while it is asked about: then the newest one is asked for again. */
  async #asOfBlocks<T>(look: () => Promise<T>): Promise<T> {
    for (let pause = FIRST_POLL_MS; ; pause *= 1.5)
      try {
        return await look();
      } catch (error) {
        const isGone = error instanceof WeftError && error.reason === 'TRANSACTION_REVERTED';
        if (!isGone || pause > SLOWEST_POLL_MS) throw error;
        await delay(pause);
      }
  }

  async #areDeep(contracts: readonly PlannedContract[]): Promise<boolean> {
    const newest = await this.#ask(this.#provider.getBlockNumber());
    const deep = Math.max(newest - this.#confirmations, 0);
    return (await this.#there(contracts, deep)).size === contracts.length;
  }

  /** Nonces and code of one block, so that a node that lags behind another cannot make a nonce look wasted. */
  async #missing(wave: readonly PlannedContract[]): Promise<PlannedContract[] | 'broken'> {
    const newest = await this.#ask(this.#provider.getBlockNumber());
    const there = await this.#there(wave, newest);
    const missing = wave.filter(({ made }) => !there.has(made));
    if (missing.length === 0) return missing;
    const deep = Math.max(newest - this.#confirmations, 0);
    const used = await this.#ask(this.#provider.getTransactionCount(this.deployer.address, deep));
    const wasted = missing.filter(({ nonce }) => nonce < used);
    if (wasted.length === 0) return missing;
    const before = await this.#there(wasted, deep);
    return before.size < wasted.length ? 'broken' : missing;
  }

  /** Those whose code is where it was planned. */
  async #there(contracts: readonly PlannedContract[], block: number | 'latest' = 'latest'): Promise<Set<Made>> {
    const there = new Set<Made>();
    await Promise.all(
      contracts.map(async ({ made, contract, address }) => {
        const code = await this.#ask(codeAt(this.#provider, address, block));
        if (code === '0x' || !isCodeOf(contract, code)) return;
        there.add(made);
        this.#sayOnce(`${contract} is at ${address}`);
      }),
    );
    return there;
  }

  async #offers(missing: readonly PlannedContract[], before: readonly Offered[] = []): Promise<Offered[]> {
    const fees = await this.#ask(askFees(this.#provider));
    return await Promise.all(
      missing.map(async (each) => {
        const known = before.find(({ nonce }) => nonce === each.nonce);
        if (known === undefined)
          return { ...each, gasLimit: await this.#gasLimit(each), offer: firstOffer(fees, this.#maxFee) };
        return { ...known, offer: raisedOffer(known.offer, fees, this.#maxFee) ?? known.offer };
      }),
    );
  }

  /** Estimating runs the constructor, so a refusal costs nothing. */
  async #gasLimit({ contract, args }: PlannedContract): Promise<bigint> {
    const data = initCode(contract, args);
    return gasLimitFor(await this.#ask(this.#provider.estimateGas({ from: this.deployer.address, data })));
  }

  /**
   * The same nonce makes the same contract at the same address, whatever fee it is sent with: so it may be signed anew.
   */
  async #broadcast({ contract, args, nonce, gasLimit, offer }: Offered): Promise<void> {
    const { chainId } = await this.#provider.getNetwork();
    const unsigned = { type: 2, chainId, nonce, gasLimit, data: initCode(contract, args), ...offer };
    const raw = await this.deployer.signTransaction(unsigned);
    try {
      await this.#provider.send('eth_sendRawTransaction', [raw]);
      this.#sayOnce(`sent ${contract}, nonce ${nonce}`);
    } catch (error) {
      if (!isKnownAlready(error) && !isFeeTooLow(error)) throw explain(error, this.#provider);
    }
  }

  #sayOnce(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.options.onProgress?.(line);
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await orChainError(this.#provider._getConnection().url, answer);
    } catch (error) {
      throw explain(error, this.#provider);
    }
  }
}

const slower = (pauseMs: number): number => Math.min(pauseMs * 1.5, SLOWEST_POLL_MS);
