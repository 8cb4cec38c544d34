/** What a program imports to find and call services: `import { connect } from 'weft/client'`. */
export { WeftError } from '#core/errors.js';
export { isReason, type Reason } from '#core/reasons.js';
export { runMemo } from '#core/run-memo.js';
export { type ConnectOptions, connect } from './connect.js';
export { type Marketplace, readMarketplace } from './marketplace.js';
export type { PaidClient } from './paid-client.js';
export { type Credit, creditsOf } from './receipt/credits.js';
export { type ReceiptFile, readReceiptFile, receiptFileJson } from './receipt/receipt-file.js';
export { type VerifiedReceipt, verifyReceipt } from './receipt/verify-receipt.js';
export { connectTemporal, type TemporalOptions } from './temporal/connect-temporal.js';
export { type Payloads, payloadsOf } from './temporal/payloads.js';
export type { JsonAnswer, JsonCallOptions, LicensedWants, ServiceWants, Weft } from './weft.js';
