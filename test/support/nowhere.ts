import type { Marketplace } from '#client/marketplace.js';

/** Nobody listens there. */
export const nowhere = '127.0.0.1:1';
const address = `0x${'1'.repeat(40)}`;

/** A marketplace all of whose parts are down, but for those that a test brings. */
export const marketplaceOf = (parts: Partial<Marketplace> = {}): Marketplace => ({
  chainId: 31_337,
  rpcUrl: `http://${nowhere}`,
  contracts: {
    token: address,
    assets: address,
    escrow: address,
    revenue: address,
    licences: address,
    jobs: address,
    anchor: address,
  },
  registry: nowhere,
  wallet: nowhere,
  walletTokenFile: 'none',
  gateway: `http://${nowhere}`,
  temporal: { address: nowhere, namespace: 'default', ui: '' },
  taskQueue: 'none',
  allowPrivateEndpoints: true,
  ...parts,
});
