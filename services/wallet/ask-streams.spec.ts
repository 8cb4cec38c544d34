import { once } from 'node:events';
import { type Client, Metadata } from '@grpc/grpc-js';
import { decodeStatus } from '#core/status-details.js';
import { connect } from '#payments/rpc/connect.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import { asBuffer } from '#platform/as-buffer.js';
import {
  AskRequest,
  AskResponse,
  GetCallRequest,
  ListTokensResponse,
  WalletServiceDefinition,
} from '#protos/weft/wallet/v1/wallet.js';
import { type Chain, startChain } from '#test/support/chain.js';
import { createDatabase } from '#test/support/database.js';
import { onEnd } from '#test/support/on-end.js';
import { spawnNode } from '#test/support/spawn-node.js';
import { startWalletProcess, tokenIn, type WalletProcess, walletHome } from '#test/support/wallet-process.js';

describe('a stream of questions to the wallet process', () => {
  let chain: Chain;
  let home: string;
  let databaseUrl: string;
  let wallet: WalletProcess;
  let client: Client;

  beforeAll(async () => {
    chain = await startChain();
    home = await walletHome(chain);
    databaseUrl = await createDatabase();
    wallet = await startWalletProcess(home, { DATABASE_URL: databaseUrl });
    client = connect(wallet.address);
  });

  afterAll(async () => {
    client?.close();
    await wallet?.process.stop();
    await chain?.stop();
  });

  const metadata = (token = tokenIn(home, 'admin')) => {
    const own = new Metadata();
    own.set('authorization', `Bearer ${token.trim()}`);
    return own;
  };

  const open = (of = client, token?: string) => {
    const stream = of.makeBidiStreamRequest('/weft.wallet.v1.WalletService/Ask', asBuffer, asBuffer, metadata(token));
    stream.on('error', () => {});
    onEnd(() => stream.cancel());
    return stream;
  };

  /** Sends all at once; gives the answers in the order in which they come. */
  const askAll = async (asks: readonly AskRequest[]): Promise<AskResponse[]> => {
    const stream = open();
    const answers: AskResponse[] = [];
    stream.on('data', (bytes: Buffer) => answers.push(AskResponse.decode(bytes)));
    for (const ask of asks) stream.write(AskRequest.encode(ask).finish());
    stream.end();
    await once(stream, 'end');
    return answers;
  };

  const errorOf = ({ status = new Uint8Array() }: AskResponse) => decodeStatus(status);

  const none = new Uint8Array();

  it('answers as a call of its own would, and names the question', async () => {
    const unary = typedClient(WalletServiceDefinition, client, { metadata: metadata() });
    const [answer] = await askAll([{ number: 7, method: 'ListTokens', message: none }]);
    expect(answer?.number).toBe(7);
    expect(ListTokensResponse.decode(answer!.message!)).toEqual(await unary.listTokens({}));
    const unknown = { callId: new Uint8Array(32) };
    const asked = { number: 8, method: 'GetCall', message: GetCallRequest.encode(unknown).finish() };
    const error = errorOf((await askAll([asked]))[0]!);
    await expect(unary.getCall(unknown)).rejects.toMatchObject({ reason: error.reason, message: error.message });
    expect(error.reason).toBe('NOT_FOUND');
  });

  it('answers each of more questions than may be under way at once', async () => {
    const asks = Array.from({ length: 3_000 }, (_, number) => ({ number, method: 'ListTokens', message: none }));
    const answers = await askAll(asks);
    expect(new Set(answers.map(({ number }) => number)).size).toBe(3_000);
    expect(answers.every(({ message }) => message !== undefined)).toBe(true);
  });

  it('refuses a method that is none, a stream of its own among them, and a message of another kind', async () => {
    const broken = Buffer.from('ffff', 'hex');
    const refused = await askAll([
      { number: 1, method: 'Nothing', message: none },
      { number: 2, method: 'constructor', message: none },
      { number: 3, method: 'Ask', message: none },
      { number: 4, method: 'GetCall', message: broken },
      { number: 5, method: 'GetCall', message: GetCallRequest.encode({ callId: new Uint8Array(32) }).finish() },
    ]);
    const reasons = refused.sort((a, b) => a.number - b.number).map((each) => errorOf(each).reason);
    expect(reasons).toEqual(['UNKNOWN_METHOD', 'UNKNOWN_METHOD', 'UNKNOWN_METHOD', 'INVALID_INPUT', 'NOT_FOUND']);
  });

  it('is refused to who has no token', async () => {
    const stream = open(client, 'wrong');
    expect(await new Promise((resolve) => stream.on('status', resolve))).toMatchObject({ code: 16 });
  });

  it('judges the token anew for each question', async () => {
    const admin = wallet.connect(tokenIn(home, 'admin'));
    const limits = { total: undefined, perCall: undefined, perDay: undefined, expiresAtSec: undefined };
    const reader = wallet.connect(await admin.createToken('reader', 'READ', limits));
    await expect(reader.jobs()).resolves.toEqual([]);
    await admin.revokeToken('reader');
    await expect(reader.jobs()).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
  });

  it('carries on with a stream of its own when one has carried its share', async () => {
    const remote = wallet.connect();
    const lane = async () => {
      for (let i = 0; i < 750; i++) await remote.job(new Uint8Array(32).fill(i));
    };
    await Promise.all(Array.from({ length: 16 }, lane));
  });

  it('is counted by the methods that were asked for', async () => {
    const [, url] = await wallet.process.waitForLine(/"metrics":"([^"]+)"/);
    const text = await (await fetch(`${url}/metrics`)).text();
    const line = /weft_rpc_duration_seconds_count\{[^}]*WalletService\/ListTokens",code="OK"\} (\d+)/.exec(text);
    expect(Number(line?.[1])).toBeGreaterThanOrEqual(3_000);
  });

  it('lets a program end that asked and did not close', async () => {
    const program = spawnNode('test/support/fixtures/ask-wallet.ts', {
      args: [wallet.address, tokenIn(home, 'spend').trim()],
    });
    await program.waitForLine(/^asked$/);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });

  it('fails what was under way when the wallet dies, and goes on with the next one', async () => {
    const remote = wallet.connect(tokenIn(home, 'admin'));
    await remote.tokens();
    wallet.process.kill('SIGSTOP');
    const waiting = remote.tokens().then(
      () => 'answered',
      ({ reason }) => reason,
    );
    await wallet.process.killHard();
    expect(await waiting).toBe('WALLET_UNAVAILABLE');
    await expect(remote.tokens()).rejects.toMatchObject({ reason: 'WALLET_UNAVAILABLE', retryable: true });
    const port = wallet.address.split(':')[1];
    wallet = await startWalletProcess(home, { DATABASE_URL: databaseUrl, WEFT_PORT: port });
    await client.waitForReady(Date.now() + 30_000, () => {});
    const again = wallet.connect(tokenIn(home, 'admin'));
    await expect(again.tokens()).resolves.toHaveLength(3);
  });

  it('is ended by a wallet that stops, once what was asked is answered', async () => {
    const own = connect(wallet.address);
    onEnd(() => own.close());
    const stream = open(own);
    const answers: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => answers.push(bytes));
    stream.write(AskRequest.encode({ number: 1, method: 'ListTokens', message: none }).finish());
    await once(stream, 'data');
    const ended = once(stream, 'status');
    const beganMs = performance.now();
    await wallet.process.stop();
    expect((await ended)[0]).toMatchObject({ code: 0 });
    expect(answers).toHaveLength(1);
    // An open stream would hold the server until its grace is over, 5 s.
    expect(performance.now() - beganMs).toBeLessThan(4_000);
  });
});
