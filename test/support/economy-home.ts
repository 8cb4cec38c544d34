import { join } from 'node:path';
import { commandsFor } from '#cli/commands/index.js';
import { writeMarketplace } from '#client/marketplace.js';
import { writeDeployment } from '#contracts/deployment.js';
import { type Chain, startChain } from './chain.js';
import { runHere } from './cli.js';
import { marketplaceOf } from './nowhere.js';
import { tempDir } from './temp-dir.js';

type Json = Record<string, unknown>;

/** Command lines that act on a chain, in a home. */
export const cliOf = (home: string) => {
  const run = async (...argv: string[]) => runHere(await commandsFor(argv), argv, home);
  return {
    run,
    /** What a command answers; throws what it says on stderr if it fails. */
    async json(...argv: string[]): Promise<Json> {
      const { out, code, err } = await run(...argv, '--json');
      if (code !== 0) throw new Error(err);
      return JSON.parse(out) as Json;
    },
    /** Why a command fails, which it has to, in one line. */
    async refusal(...argv: string[]): Promise<Json> {
      const { out, code, err } = await run(...argv, '--json');
      if (code === 0) throw new Error(`"weft ${argv.join(' ')}" was not refused: ${out}`);
      if (
        err
          .trim()
          .split('\n')
          .filter((line) => line.startsWith('weft: ')).length !== 1
      )
        throw new Error(err);
      return (JSON.parse(out) as { error: Json }).error;
    },
  };
};

/** A chain with Weft on it and a home whose contracts these are, with no process running. */
export async function startEconomyHome(): Promise<{ chain: Chain; home: string } & ReturnType<typeof cliOf>> {
  const chain = await startChain();
  const home = tempDir();
  await writeMarketplace(home, marketplaceOf({ rpcUrl: chain.rpcUrl, contracts: chain.deployment }));
  await writeDeployment(join(home, 'contracts.json'), chain.deployment);
  return { chain, home, ...cliOf(home) };
}
