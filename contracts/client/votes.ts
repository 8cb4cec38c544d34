import type { BlockTag, Provider } from 'ethers';
import { fromHex } from '#core/hex.js';
import { type ContractName, interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';

/** An ERC-20 whose holders vote: the protocol's token, or the shares of an asset. Votes count once they are delegated. */
export class Votes {
  constructor(
    readonly address: string,
    protected readonly provider: Provider,
    private readonly contract: ContractName = 'VotesToken',
  ) {}

  transfer(to: Bytes, amount: bigint): UnsignedTransaction {
    return this.build('transfer', [hexOf(to), amount]);
  }

  /** Gives the sender's votes, those of what he will get later too, to somebody, also to himself: before, they count nowhere. */
  delegate(to: Bytes): UnsignedTransaction {
    return this.build('delegate', [hexOf(to)]);
  }

  async balanceOf(holder: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.read('balanceOf', [hexOf(holder)], at))[0];
  }

  async totalSupply(at?: BlockTag): Promise<bigint> {
    return (await this.read('totalSupply', [], at))[0];
  }

  /** What was delegated to `holder`. */
  async votesOf(holder: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.read('getVotes', [hexOf(holder)], at))[0];
  }

  /** Who votes for a holder, 20 bytes; all zero if nobody. */
  async delegateOf(holder: Bytes, at?: BlockTag): Promise<Uint8Array> {
    return fromHex((await this.read('delegates', [hexOf(holder)], at))[0], 'delegate', 20);
  }

  async symbol(): Promise<string> {
    return (await this.read('symbol', []))[0];
  }

  protected build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf(this.contract).encodeFunctionData(method, args) };
  }

  protected read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, this.contract, this.address, method, args, at);
  }
}
