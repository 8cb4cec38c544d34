import { encodeJson } from '#client/contract/json-codec.js';
import { jsonSchemaOf } from '#client/contract/json-schema.js';
import { methodOf } from '#client/contract/methods.js';
import { findListing } from '#client/listing/find-listing.js';
import type { VerifiedListing } from '#client/listing/verify-listing.js';
import type { Weft } from '#client/weft.js';
import { WeftError } from '#core/errors.js';
import { toHex } from '#core/hex.js';
import { formatAmount } from '#core/money.js';
import type { AgentFiles } from './agent-files.js';
import { withFiles, withoutBytes } from './argument-schema.js';
import type { Budget } from './budget.js';
import { fence } from './fence.js';
import type { ToolAnswer } from './weft-tool.js';

/** What the tools of one agent share. */
export interface AgentKit {
  readonly weft: Weft;
  readonly budget: Budget;
  readonly files: AgentFiles;
  /** Full names of services; undefined: all. */
  readonly allowed: ReadonlySet<string> | undefined;
}

/** What the program around an agent learns of a call. */
export interface CallArtifact {
  readonly listing: string;
  readonly method: string;
  /** Minor units. */
  readonly amount: string;
  readonly callId: string | undefined;
  /** Protobuf JSON; bytes are names of the agent's files. */
  readonly response: unknown;
}

/** One verified listing that the agent may use. The name is the model's, hence a stranger's. */
export async function allowedListing({ weft, allowed }: AgentKit, name: unknown): Promise<VerifiedListing> {
  if (typeof name !== 'string' || name === '' || name.length > 200)
    throw new WeftError('INVALID_INPUT', 'listing: give a digest, an asset id or the full name of a service', {
      field: 'listing',
    });
  const listing = await findListing(weft.parts.market, name);
  const { service } = listing.contract;
  if (allowed !== undefined && !allowed.has(service))
    throw new WeftError('PERMISSION_DENIED', `this agent may not use ${service}`, { service });
  return listing;
}

/** Makes one paid call. Nothing that the model or the service says changes what it may cost. */
export async function callService(
  kit: AgentKit,
  listing: VerifiedListing,
  methodName: string,
  args: unknown,
): Promise<ToolAnswer> {
  const { contract } = listing;
  const digest = toHex(listing.digest);
  const { fullName, input, output } = methodOf(contract, methodName);
  const price = listing.listing.prices.find(({ method }) => method === fullName);
  if (price === undefined)
    throw new WeftError('UNKNOWN_METHOD', `listing ${digest} does not offer ${fullName}`, { method: fullName });
  const json = withFiles(jsonSchemaOf(contract, input), args ?? {}, kit.files);
  // Before the budget is touched: a slip of the model's costs nothing.
  encodeJson(input, json, contract.registry);

  const reserved = kit.budget.reserve(price.maxAmount);
  const answer = await kit.weft.call(digest, fullName, json, { maxPrice: formatAmount(price.maxAmount) });
  const amount = answer.receipt?.amount ?? 0n;
  reserved.settle(amount);

  const response = withoutBytes(jsonSchemaOf(contract, output), answer.response, kit.files);
  const artifact: CallArtifact = {
    listing: digest,
    method: fullName,
    amount: formatAmount(amount),
    callId: answer.receipt && toHex(answer.receipt.callId),
    response,
  };
  const cost = `Cost ${artifact.amount}; ${kit.budget.left} is left to spend.`;
  return { text: `${cost}\n${fence(`the service ${contract.service}`, response)}`, artifact };
}
