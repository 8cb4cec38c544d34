/** Typed bindings of the contracts: `import { Escrow } from 'weft/contracts'`. */
export { Anchor, type AnchorEvent, type Epoch } from './anchor.js';
export * from './assets.js';
export { send, type UnsignedTransaction } from './chain.js';
export { connectChain } from './chain-provider.js';
export { type DeployOptions, deploy, deployOnce } from './deploy.js';
export { type Deployment, readDeployment } from './deployment.js';
export * from './escrow.js';
export { Governor, governorOf, type Proposal, type ProposalState, type Standing, type Support } from './governor.js';
export * from './jobs.js';
export * from './licences.js';
export {
  type Ask,
  type Deal,
  Market,
  type MarketEvent,
  type Offer as MarketOffer,
  parseMarketLogs,
} from './market.js';
export * from './revenue.js';
export { type Bounds, deployShares, Shares, type SharesTerms, sharesOf } from './shares.js';
export { type StandingOffer, standingOffers } from './standing-offers.js';
export { type Permit, Token } from './token.js';
export { verifyDeployment } from './verify-deployment.js';
export { Votes } from './votes.js';
