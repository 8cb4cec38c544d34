import { HDNodeWallet, type Provider } from 'ethers';

/** The first account of anvil's well-known mnemonic: rich on a local chain, worthless elsewhere. */
export const devAccount = (provider: Provider): HDNodeWallet => wallet().connect(provider);

export const devKey = (): string => wallet().privateKey;

const wallet = (): HDNodeWallet =>
  HDNodeWallet.fromPhrase('test test test test test test test test test test test junk', undefined, "m/44'/60'/0'/0/0");
