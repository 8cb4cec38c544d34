/**
 * Asks a provider for everything that a stranger can make it do. SIGUSR2 begins with the next of the rates, or ends
 * it and says how many questions were answered meanwhile.
 */
import { randomBytes } from 'node:crypto';
import { type Metadata, status } from '@grpc/grpc-js';
import { connect } from '#payments/rpc/connect.js';
import { callRaw } from '#payments/rpc/raw-call.js';
import { onEnd } from '../support/on-end.js';
import { SAY, text } from '../support/paid-service.js';
import { metadataOf, newCall, newKey, newTerms, PayingChannel } from '../support/paying.js';
import { domainOf } from './domain-of.js';
import type { EchoProvider } from './echo-provider.js';
import { staying } from './ending.js';

const [json = '', ...rates] = process.argv.slice(2);
const provider = JSON.parse(json) as EchoProvider;
const { paid, asset, listing } = provider;
const domain = domainOf(provider);

const request = text('flood '.repeat(40));
const call = () => newCall(Buffer.from(listing, 'hex'), SAY, request, 100n);
const channel = (signer = newKey()) =>
  new PayingChannel(newTerms(randomBytes(20), signer.address, BigInt(asset)), signer, domain);
/** Its signature is somebody else's: known only when the signer was recovered. */
const forged = () => {
  const { terms } = channel();
  const { key } = channel();
  return metadataOf(new PayingChannel(terms, key, domain).pay(call()));
};
/** Signed as it should be, by a channel that no chain knows. */
const ghost = () => metadataOf(channel().pay(call()));

await staying(async () => {
  const client = connect(paid);
  onEnd(() => client.close());
  // Made beforehand: what an attack costs its attacker is not what is measured.
  const payments = Array.from({ length: 500 }, (_, i) => (i % 2 === 0 ? forged() : ghost()));
  const ask = (path: string, message: Uint8Array, metadata?: Metadata) =>
    callRaw(client, path, message, { deadlineMs: 5_000, ...(metadata && { metadata }) });
  const pay = (n: number) => ask(`/${SAY}`, request, payments[n % payments.length]);
  const kinds = [
    () => ask(`/${SAY}`, request),
    pay,
    () => ask('/weft.payment.v1.Payments/GetChannel', randomBytes(200)),
    pay,
    () => ask('/grpc.health.v1.Health/Check', new Uint8Array()),
  ];
  let turn = 0;
  let perSec = 0;
  let answered = 0;
  process.on('SIGUSR2', () => {
    if (perSec > 0) console.log(`answered ${turn++} ${answered}`);
    perSec = perSec > 0 ? 0 : Number(rates[turn % rates.length]);
    answered = 0;
  });
  let sent = 0;
  let due = 0;
  const EVERY_MS = 5;
  setInterval(() => {
    due = perSec > 0 ? due + (perSec * EVERY_MS) / 1_000 : 0;
    for (; due >= 1; due--) {
      void kinds[sent % kinds.length]!(sent).then(({ code }) => {
        if (code !== status.UNAVAILABLE && code !== status.DEADLINE_EXCEEDED) answered++;
      });
      sent++;
    }
  }, EVERY_MS);
  return {};
});
