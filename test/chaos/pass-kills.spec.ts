import { serialize } from 'node:v8';
import type { Client } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { BodyStore } from '#payments/provider/body-store.js';
import { LicenceLedger } from '#payments/provider/licence-ledger.js';
import { connect } from '#payments/rpc/connect.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import type { ProviderProcess } from '#test/support/fixtures/provider.js';
import { buyLicence, callLicensed, type HeldLicence, licensedCall } from '#test/support/licensing.js';
import { openProviderDatabase, publishEcho, SAY, text, textOf } from '#test/support/paid-service.js';
import { type NodeProcess, spawnNode } from '#test/support/spawn-node.js';
import { tempDir } from '#test/support/temp-dir.js';

/** The crash points of a charge, for calls of a pass: killed for real, and started again on the same ledger. */
describe('a provider that is killed while it serves the holder of a pass', () => {
  let chain: Chain;
  let home: Omit<ProviderProcess, 'fault'>;
  let pool: Awaited<ReturnType<typeof openProviderDatabase>>;
  let ledger: LicenceLedger;
  let running: { readonly process: NodeProcess; readonly client: Client } | undefined;

  beforeAll(async () => {
    chain = await startChain();
    const { listing, operatorWallet } = await publishEcho(chain);
    const databaseUrl = await createDatabase();
    pool = await openProviderDatabase(databaseUrl);
    pool.on('error', () => {});
    const bodies = tempDir();
    ledger = new LicenceLedger(pool, new BodyStore(bodies));
    const secret = Buffer.from(operatorWallet.privateKey.slice(2), 'hex');
    const { rpcUrl, deployment } = chain;
    home = { databaseUrl, rpcUrl, deployment, listing, secret, bodies, port: undefined, settles: false };
  });
  afterEach(() => end());
  afterAll(async () => {
    await pool?.end();
    await chain?.stop();
  });

  async function end(): Promise<void> {
    running?.client.close();
    await running?.process.killHard();
    running = undefined;
  }

  async function start(fault?: ProviderProcess['fault']): Promise<void> {
    await end();
    const argument = serialize({ ...home, fault }).toString('base64');
    const process = spawnNode('test/support/fixtures/provider.ts', { args: [argument] });
    const [, address] = await process.waitForLine(/^ready (.*)$/);
    running = { process, client: connect(address!) };
  }

  const buy = () =>
    buyLicence(
      chain,
      { owner: chain.account(1), buyer: chain.account(2), listing: home.listing },
      { kind: 'pass', calls: 3n },
    );
  const runs = () => running!.process.lines.filter((line) => line.startsWith('run ')).length;

  /** A call that may be sent again, to whichever process serves then. */
  function saying(licence: HeldLicence, what: string) {
    const request = text(what);
    const payment = licence.use(licensedCall(home.listing, SAY, request));
    return () => callLicensed(running!.client, `/${SAY}`, request, payment);
  }

  test.each([
    ['after serving and before committing: not counted, and run again', 'served', 1, 0n],
    ['after committing and before answering: counted, and the stored answer given', 'committed', 0, 1n],
  ] as const)('%s', async (_, at, runsAgain, counted) => {
    const licence = await buy();
    await start({ at, nth: 1 });
    const first = saying(licence, at);
    expect(await first()).toMatchObject({ outcome: undefined, receipt: undefined });
    await running!.process.exited;
    expect((await ledger.licence(licence.id))!.spent).toBe(counted);
    await start();
    expect(textOf((await first()).bytes)).toBe(at);
    // What it prints of a run may come later than the run's answer.
    if (runsAgain > 0) await running!.process.waitForLine(new RegExp(`^run ${at}$`));
    expect(runs()).toBe(runsAgain);
    expect((await ledger.licence(licence.id))!.spent).toBe(1n);
    // The pass has exactly its other calls left.
    for (const what of ['second', 'third']) expect((await saying(licence, what)()).error).toBeUndefined();
    expect((await saying(licence, 'fourth')()).error?.reason).toBe('LICENCE_USED_UP');
    expect((await ledger.licence(licence.id))!.spent).toBe(3n);
  });
});
