import type { AddCommand } from '../command.js';

/** In the order in which help lists them. Loaded when they are named: some carry half of Weft with them. */
const loaders = {
  up: async () => (await import('./up.js')).addUp,
  deploy: async () => (await import('./deploy.js')).addDeploy,
  services: async () => (await import('./services.js')).addServices,
  describe: async () => (await import('./describe.js')).addDescribe,
  call: async () => (await import('./call.js')).addCall,
  run: async () => (await import('./run.js')).addRun,
  runs: async () => (await import('./runs.js')).addRuns,
  receipt: async () => (await import('./receipt.js')).addReceipt,
  verify: async () => (await import('./verify.js')).addVerify,
  channels: async () => (await import('./channels.js')).addChannels,
  jobs: async () => (await import('./jobs.js')).addJobs,
  job: async () => (await import('./job.js')).addJob,
  claim: async () => (await import('./claim.js')).addClaim,
  anchor: async () => (await import('./anchor.js')).addAnchor,
  release: async () => (await import('./release.js')).addRelease,
  audit: async () => (await import('./audit.js')).addAudit,
  statement: async () => (await import('./statement.js')).addStatement,
  balance: async () => (await import('./balance.js')).addBalance,
  publish: async () => (await import('./publish.js')).addPublish,
  asset: async () => (await import('./asset.js')).addAsset,
  market: async () => (await import('./market.js')).addMarket,
  shares: async () => (await import('./shares.js')).addShares,
  govern: async () => (await import('./govern.js')).addGovern,
  licence: async () => (await import('./licence.js')).addLicence,
  worker: async () => (await import('./worker.js')).addWorker,
} satisfies Record<string, () => Promise<AddCommand>>;

export type CommandName = keyof typeof loaders;
export const commandNames = Object.keys(loaders) as CommandName[];

/** The commands that a command line may mean: all whose names stand anywhere in it, or every one if none does. */
export async function commandsFor(argv: readonly string[]): Promise<AddCommand[]> {
  const named = commandNames.filter((name) => argv.includes(name));
  const commands: AddCommand[] = [];
  for (const name of named.length > 0 ? named : commandNames) commands.push(await loaders[name]());
  return commands;
}
