import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Client, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from '#payments/rpc/connect.js';
import { typedClient } from '#payments/rpc/typed-client.js';
import { LanguageServiceDefinition } from '#protos/models/language/v1/language.js';
import type { Attack } from '#test/support/fixtures/http2-attack.js';
import { type NodeProcess, spawnNode } from '#test/support/spawn-node.js';

const IDENTIFY = '/models.language.v1.LanguageService/Identify';
const REFLECT = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

/** One of the shipped services as a process of its own, with an honest caller beside whatever attacks it. */
describe('a server under attack', () => {
  let server: NodeProcess;
  let address: string;
  let honest: Client;

  beforeAll(async () => {
    server = spawnNode('services/models/language/main.ts');
    address = (await server.waitForLine(/"language":"(127[^"]+)"/))[1]!;
    honest = connect(address);
    await latencies(500);
  });
  afterAll(async () => {
    honest.close();
    await server.stop();
  });

  /** Of calls one after the other, in ms, the quickest first. */
  async function latencies(forMs: number): Promise<number[]> {
    const took: number[] = [];
    for (const endMs = performance.now() + forMs; performance.now() < endMs; await delay(5)) {
      const startMs = performance.now();
      await typedClient(LanguageServiceDefinition, honest).identify({ text: 'Guten Tag, wie geht es Ihnen?' });
      took.push(performance.now() - startMs);
    }
    return took.sort((a, b) => a - b);
  }
  const at = (sorted: readonly number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)]!;
  const residentMb = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;

  it.each<[attack: Attack, row: string, path: string, isOurs: boolean]>([
    ['slow-readers', 'T65', REFLECT, false],
    ['held-messages', 'T65 T64', IDENTIFY, false],
    ['gzip-bombs', 'T64', IDENTIFY, false],
    ['pings', 'T65', IDENTIFY, false],
    ['settings', 'T65', IDENTIFY, false],
    ['empty-frames', 'T65', IDENTIFY, false],
    ['one-byte-frames', 'T65', IDENTIFY, true],
    ['resets', 'T65', IDENTIFY, true],
  ])('by %s (%s) answers others in bounded time and memory', async (attack, _, path, isOurs) => {
    const before = await latencies(1_000);
    const beforeMb = residentMb();
    // An address of its own each, since an address that was thrown out has to wait.
    const from = `127.0.0.${10 + attack.length}`;
    const attacker = spawnNode('test/support/fixtures/http2-attack.ts', { args: [attack, address, path, from] });
    await attacker.waitForLine(/frames/);
    // The best of three, one after the other: what else the machine does only ever adds to them.
    const during = [await latencies(1_000), await latencies(1_000), await latencies(1_000)];
    const best = (share: number) => Math.min(...during.map((sorted) => at(sorted, share)));
    const afterMb = residentMb();
    await attacker.killHard();
    const done = JSON.parse(attacker.lines.at(-1)!) as { frames: number; connections: number; closed: number };
    expect(done.frames).toBeGreaterThan(100);
    // What the library itself ends depends on how far it lags behind.
    if (isOurs) expect(done.closed).toBeGreaterThan(0);
    expect(best(0.5)).toBeLessThan(4 * at(before, 0.5) + 40);
    expect(best(0.95)).toBeLessThan(4 * at(before, 0.95) + 200);
    expect(afterMb - beforeMb).toBeLessThan(150);
  });

  it('T64 refuses a message that grows beyond the limit when it is unpacked', async () => {
    const packed = gzipSync(Buffer.alloc(64 * 2 ** 20));
    const head = Buffer.alloc(5);
    head[0] = 1;
    head.writeUInt32BE(packed.length, 1);
    const session = connectHttp2(`http://${address}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': IDENTIFY,
      'content-type': 'application/grpc',
      'grpc-encoding': 'gzip',
      te: 'trailers',
    });
    const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once('error', reject);
      stream.once('trailers', resolve);
      stream.once('response', (headers) => 'grpc-status' in headers && resolve(headers));
    });
    stream.resume();
    stream.end(Buffer.concat([head, packed]));
    expect(await answered).toMatchObject({
      'grpc-status': String(status.RESOURCE_EXHAUSTED),
      'grpc-message': expect.stringContaining('decompresses'),
    });
    session.close();
  });
});
