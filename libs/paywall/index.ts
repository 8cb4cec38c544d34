/** What a provider imports to charge a Nest gRPC server: `import { createPaywall } from 'weft/paywall'`. */
export { createPaywall, type Paywall, type PaywallOptions } from './create-paywall.js';
export type { PaywallLimits } from './limits.js';
export type { Offer } from './offers.js';
export { reportUnits } from './units.js';
