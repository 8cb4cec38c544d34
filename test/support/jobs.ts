import { randomBytes } from 'node:crypto';
import type { HDNodeWallet } from 'ethers';
import { send } from '#contracts/chain.js';
import type { JobTerms } from '#contracts/jobs.js';
import { fromHex } from '#core/hex.js';
import { SigningKey } from '#payments/signature.js';
import { type Call, escrowDomain, hashCall, hashJobCall, signingHash } from '#payments/typed-data.js';
import type { JobPayment } from '#payments/wire.js';
import type { Chain } from './chain.js';
import { domainOf } from './paying.js';

export interface FundedJob {
  readonly jobId: Uint8Array;
  readonly terms: JobTerms;
  readonly client: HDNodeWallet;
}

/** Funds a job of `client`, who evaluates it himself unless `change` says otherwise. */
export async function fundJob(
  chain: Chain,
  client: HDNodeWallet,
  orders: JobTerms['orders'],
  change: Partial<JobTerms> = {},
): Promise<FundedJob> {
  const terms: JobTerms = {
    evaluator: client.address,
    expiresAtSec: (await chain.nowSec()) + 86_400,
    reviewSec: 3_600,
    brief: randomBytes(32),
    salt: randomBytes(32),
    orders,
    ...change,
  };
  const sum = orders.reduce((total, { amount }) => total + amount, 0n);
  await send(client, chain.token.mint(client.address, sum));
  const permit = await chain.token.permit(client, chain.jobs.address, sum, terms.expiresAtSec);
  await send(client, chain.jobs.fundWithPermit(terms, permit));
  return { jobId: await chain.jobs.jobId(client.address, terms), terms, client };
}

/** Gives a step of a job to a call, signed by `signer`: an honest client's own key. */
export function payByJob(
  chain: Pick<Chain, 'deployment'>,
  job: FundedJob,
  call: Call,
  change: Partial<JobPayment['job']> & { readonly signer?: HDNodeWallet } = {},
): JobPayment {
  const { signer = job.client, ...fields } = change;
  const ref = { client: fromHex(job.client.address, 'client', 20), jobId: job.jobId, step: 0, ...fields };
  const hash = hashJobCall({ jobId: ref.jobId, step: ref.step, commitment: hashCall(call) });
  const key = new SigningKey(fromHex(signer.privateKey, 'key', 32));
  return { job: ref, call, signature: key.sign(signingHash(escrowDomain(domainOf(chain)), hash)) };
}
