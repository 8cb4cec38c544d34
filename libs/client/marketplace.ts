import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Deployment, deploymentFile, isSameDeployment, readDeployment } from '#contracts/deployment.js';
import { WeftError } from '#core/errors.js';
import { contractsFileNamed } from '#platform/home.js';
import { writeFileAtomic } from '#platform/secrets.js';

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address: 0x and 40 hexadecimal digits');
const hostAndPort = z.string().regex(/^\S+:\d{1,5}$/, 'must be host:port');

/** Those that clients and services use. */
const names = ['token', 'assets', 'escrow', 'revenue', 'licences', 'jobs', 'anchor'] as const;

const contracts = z.object({
  ...(Object.fromEntries(names.map((name) => [name, address])) as Record<(typeof names)[number], typeof address>),
  /** From which on there are events. */
  blockNumber: z.number().int().min(0).optional(),
});

const schema = z.object({
  chainId: z.number().int().positive(),
  rpcUrl: z.url(),
  /** A second node that must show the same of an asset before its service is paid. */
  witnessRpcUrl: z.url().optional(),
  /** As in the file of addresses; needed only where there is none. */
  contracts: contracts.optional(),
  /** "grpc://host:port" or "host:port" */
  registry: hostAndPort,
  wallet: hostAndPort,
  /** Of the token that programs of this machine use; relative to the folder of this file. */
  walletTokenFile: z.string().min(1),
  gateway: z.url(),
  temporal: z.object({ address: hostAndPort, namespace: z.string().min(1), ui: z.string() }),
  taskQueue: z.string().min(1),
  /** Of the key that payloads of runs are encrypted with; relative to the folder of this file. Without: they are not. */
  payloadKeyFile: z.string().min(1).optional(),
  /** Whether services at loopback and private addresses may be called. Right where all runs on one machine. */
  allowPrivateEndpoints: z.boolean(),
});

/** Where the parts of a running marketplace are: what `weft up` writes and everything else reads. RPC URLs may carry API keys. */
export type Marketplace = z.infer<typeof schema> & { readonly contracts: z.infer<typeof contracts> };

export const marketplaceFile = (home: string): string => join(home, 'marketplace.json');

/** Throws CONFIG_INVALID, naming the field, or saying how to start a marketplace if there is none. */
export async function readMarketplace(home: string): Promise<Marketplace> {
  const file = marketplaceFile(home);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const what = `no marketplace at ${file}: start one with "npm start", or set WEFT_HOME to where one is`;
    throw new WeftError('CONFIG_INVALID', what, { file }, { cause: error });
  });
  const marketplace = parse(text, file);
  return { ...marketplace, contracts: contractsOf(marketplace, await readContracts(home), home) };
}

/**
 * Where the contracts of a home stand: in the file that WEFT_CONTRACTS_FILE names, else in its own, which need not be there.
 * Throws CONFIG_INVALID if the one that is named is not there, or the home's own is of another deployment.
 */
export async function readContracts(home: string): Promise<{ file: string; contracts: Deployment | undefined }> {
  const file = deploymentFile(home);
  const own = await readDeployment(file);
  const named = contractsFileNamed();
  if (named === undefined) return { file, contracts: own };
  const contracts = await readDeployment(named);
  const refuse = (what: string) =>
    new WeftError('CONFIG_INVALID', `WEFT_CONTRACTS_FILE: ${named} ${what}`, {
      file: named,
      field: 'WEFT_CONTRACTS_FILE',
    });
  if (contracts === undefined) throw refuse('is not there');
  if (own !== undefined && !isSameDeployment(own, contracts))
    throw refuse(`is another deployment than ${file}: use another WEFT_HOME`);
  return { file: named, contracts };
}

/** Of the file of addresses, if there is one: two files that say different things would send money to two places. */
function contractsOf(
  { chainId, contracts: own }: z.infer<typeof schema>,
  { file, contracts: deployment }: { readonly file: string; readonly contracts: Deployment | undefined },
  home: string,
): Marketplace['contracts'] {
  const refuse = (field: string, what: string): never => {
    throw new WeftError('CONFIG_INVALID', what, { file: marketplaceFile(home), field });
  };
  if (deployment === undefined)
    return own ?? refuse('contracts', `neither ${marketplaceFile(home)} nor ${file} names contracts`);
  const differs = (field: string, found: unknown, wanted: unknown): never =>
    refuse(field, `${field} is ${found} in ${marketplaceFile(home)} and ${wanted} in ${file}`);
  if (BigInt(chainId) !== deployment.chainId) differs('chainId', chainId, deployment.chainId);
  for (const name of names)
    if (own !== undefined && own[name].toLowerCase() !== deployment[name])
      differs(`contracts.${name}`, own[name], deployment[name]);
  const found = Object.fromEntries(names.map((name) => [name, deployment[name]])) as Record<
    (typeof names)[number],
    string
  >;
  return { ...found, blockNumber: deployment.blockNumber };
}

/** Whole or not at all, whoever reads meanwhile; for its owner alone. */
export async function writeMarketplace(home: string, marketplace: Marketplace): Promise<void> {
  writeFileAtomic(marketplaceFile(home), `${JSON.stringify(schema.parse(marketplace), undefined, 2)}\n`);
}

function parse(text: string, file: string): z.infer<typeof schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new WeftError('CONFIG_INVALID', `${file} is not JSON`, { file }, { cause: error });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new WeftError('CONFIG_INVALID', `${field} in ${file}: ${issue?.message}`, { file, field });
}

/** The wallet's token for programs of this machine. */
export async function readWalletToken(home: string, { walletTokenFile }: Marketplace): Promise<string> {
  const file = join(home, walletTokenFile);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new WeftError('CONFIG_INVALID', `the wallet's token cannot be read from ${file}`, { file }, { cause: error });
  });
  return text.trim();
}
