/** Vouchers, receipts, both ledgers and what claims: `import { LocalWallet } from 'weft/payments'`. */

export { TransactionSender, type TransactionSenderOptions } from './chain/transaction-sender.js';
export { callId, messageDigest, StreamDigest } from './digests.js';
export { type Leaf, MerkleTree, rootOf } from './merkle-tree.js';
export { LocalWallet, type LocalWalletOptions } from './payer/local-wallet.js';
export { RemoteWallet, type RemoteWalletOptions } from './payer/remote-wallet.js';
export type { Wallet } from './payer/wallet.js';
export type { Anchoring, AnchorPolicy } from './provider/anchorer.js';
export { BodyStore } from './provider/body-store.js';
export { ChainView, type ChainViewOptions } from './provider/chain-view.js';
export { ProviderLedger } from './provider/provider-ledger.js';
export type { SettlePolicy } from './provider/settle-policy.js';
export { type Settlement, Settler } from './provider/settler.js';
export { recover, SigningKey, signedBy } from './signature.js';
export * from './typed-data.js';
