import type { Run } from './bench.js';

/** By name, in the order in which they run. Each is loaded when it is its turn. */
export const benches: Readonly<Record<string, { readonly about: string; load(): Promise<{ run: Run }> }>> = {
  'paid-call': {
    about: 'a paid call against the same call unpaid: wallet embedded, and wallet process',
    load: () => import('./paid-call.js'),
  },
  'paid-step': {
    about: "a workflow's paid step against a bare Temporal activity that makes the same call unpaid",
    load: () => import('./paid-step.js'),
  },
  flood: {
    about: 'what a payer notices of a stranger who floods his provider',
    load: () => import('./flood.js'),
  },
  'start-up': {
    about: 'how long a marketplace takes until it is ready, in a new home and in one used before',
    load: () => import('./start-up.js'),
  },
  memory: {
    about: 'memory of every process of a marketplace after one run of intake',
    load: () => import('./memory.js'),
  },
  gas: {
    about: 'what every operation on chain costs, as npm run gas shows it',
    load: () => import('./gas.js'),
  },
};
