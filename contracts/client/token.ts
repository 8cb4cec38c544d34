import { type BlockTag, type Provider, Signature, type Signer } from 'ethers';
import { interfaceOf } from './artifact.js';
import { type Bytes, hexOf, read, type UnsignedTransaction } from './chain.js';

/** An ERC-2612 permit, taken apart as contracts want it. */
export interface Permit {
  readonly deadlineSec: number;
  readonly v: number;
  readonly r: string;
  readonly s: string;
}

/** An ERC-20 at an address; `mint` is there on the local test token only. */
export class Token {
  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {}

  mint(to: Bytes, amount: bigint): UnsignedTransaction {
    return this.#build('mint', [hexOf(to), amount]);
  }

  approve(spender: Bytes, amount: bigint): UnsignedTransaction {
    return this.#build('approve', [hexOf(spender), amount]);
  }

  transfer(to: Bytes, amount: bigint): UnsignedTransaction {
    return this.#build('transfer', [hexOf(to), amount]);
  }

  async balanceOf(account: Bytes, at?: BlockTag): Promise<bigint> {
    return (await this.#read('balanceOf', [hexOf(account)], at))[0];
  }

  async allowance(owner: Bytes, spender: Bytes): Promise<bigint> {
    return (await this.#read('allowance', [hexOf(owner), hexOf(spender)]))[0];
  }

  async decimals(): Promise<number> {
    return Number((await this.#read('decimals', []))[0]);
  }

  async symbol(): Promise<string> {
    return (await this.#read('symbol', []))[0];
  }

  /** Signs a permit, which `Escrow.depositWithPermit` and `Market.buyWithPermit` take. */
  async permit(owner: Signer, spender: Bytes, amount: bigint, deadlineSec: number): Promise<Permit> {
    const from = await owner.getAddress();
    const [nonce] = await this.#read('nonces', [from]);
    const [, name, version] = await this.#read('eip712Domain', []);
    // Not where and for which chain the token says that it is: that could be another token.
    const { chainId } = await this.provider.getNetwork();
    const verifyingContract = this.address;
    const types = {
      Permit: [
        { name: 'owner', type: 'address' },
        { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' },
        { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
      ],
    };
    const value = { owner: from, spender: hexOf(spender), value: amount, nonce, deadline: deadlineSec };
    const signed = await owner.signTypedData({ name, version, chainId, verifyingContract }, types, value);
    const { v, r, s } = Signature.from(signed);
    return { deadlineSec, v, r, s };
  }

  #build(method: string, args: readonly unknown[]): UnsignedTransaction {
    return { to: this.address, data: interfaceOf('TestToken').encodeFunctionData(method, args) };
  }

  #read(method: string, args: readonly unknown[], at?: BlockTag) {
    return read(this.provider, 'TestToken', this.address, method, args, at);
  }
}
