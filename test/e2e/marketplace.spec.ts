import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { readMarketplace } from '#client/marketplace.js';
import { connectTemporal } from '#client/temporal/connect-temporal.js';
import { payloadsOf } from '#client/temporal/payloads.js';
import { packageRoot } from '#platform/home.js';
import { type Leashed, leash } from '#platform/local/leash.js';
import { blankPng } from '#services/models/testing/blank-png.js';
import { installPackage } from '#test/support/installed-package.js';
import { tempDir } from '#test/support/temp-dir.js';

/*
 * A whole marketplace as a newcomer has it: the built `weft up`, real models, real processes. The tests stand in the
 * order of one user's day and share the marketplace.
 */

const root = packageRoot();
const home = join(tempDir(), 'home');
const run = promisify(execFile);
const env = { ...process.env, WEFT_HOME: home, NODE_OPTIONS: '' };

interface Report {
  runId: string;
  status: string;
  output: { text: string; language: { language: string } };
  steps: { step: string; amount: string; receipt: { verified: boolean } | null }[];
  paid: string;
  quote: string;
  settlement: { asset: string; owner: string; amount: string; tx: string }[];
  payerBefore: string;
  payerAfter: string;
  readyMs: number;
}

const sum = (rows: readonly { amount: string }[]): bigint => rows.reduce((all, { amount }) => all + BigInt(amount), 0n);

/** `weft up`, until it has printed its report; it stays up. */
async function up(at = home, ...args: string[]): Promise<{ child: Leashed; report: Report; lines: string[] }> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    const child = leash(process.execPath, {
      args: [join(root, 'cli/weft.mjs'), 'up', '--json', ...args],
      // The second home encrypts its runs.
      env: { ...env, WEFT_HOME: at, WEFT_ENCRYPT_RUNS: String(at !== home) },
      graceMs: 20_000,
      onLine: (line) => {
        lines.push(line);
        if (line.startsWith('{"runId"')) resolve({ child, report: JSON.parse(line), lines });
      },
    });
    void child.exited.then(() => reject(new Error(lines.slice(-30).join('\n'))));
  });
}

/** One command of the CLI, its answer as JSON. */
async function weft<T>(...args: string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [join(root, 'cli/weft.mjs'), ...args, '--json'], { env, cwd: root });
  return JSON.parse(stdout) as T;
}

/** One that is refused, as a user and as a program see it. */
async function refused(...args: string[]) {
  const { code, stdout, stderr } = await weft<never>(...args).catch((error) => error);
  return { code, error: JSON.parse(stdout).error, lastLine: stderr.trim().split('\n').at(-1) };
}

/** Processes whose command line or environment names the home: everything that belongs to the marketplace. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid)
    .filter((pid) => {
      try {
        const [line, environment] = ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8'));
        return (line! + environment!).includes(folder) && !line!.includes('jest');
      } catch {
        return false;
      }
    });
}

async function expectNobodyIsLeft(folder = home): Promise<void> {
  for (let i = 0; i < 150 && processesOf(folder).length > 0; i++) await new Promise((done) => setTimeout(done, 100));
  expect(processesOf(folder)).toEqual([]);
}

describe('a marketplace on one machine', () => {
  let first: Awaited<ReturnType<typeof up>>;

  beforeAll(async () => {
    first = await up();
  }, 240_000);

  afterAll(async () => {
    await first?.child.stop();
    await expectNobodyIsLeft();
  }, 60_000);

  it('reads the scanned page and pays every step, and all sides agree to the last unit', () => {
    const { report } = first;
    expect(report.status).toBe('completed');
    expect(report.output.text).toContain('Thank you for your order');
    expect(report.output.language.language).toBe('en');
    expect(report.steps.length).toBeGreaterThanOrEqual(5);
    expect(report.steps.every(({ amount, receipt }) => amount === '0' || receipt?.verified)).toBe(true);
    const paid = sum(report.steps);
    expect(paid).toBeGreaterThan(0n);
    expect(BigInt(report.paid)).toBe(paid);
    expect(sum(report.settlement)).toBe(paid);
    expect(BigInt(report.payerBefore) - BigInt(report.payerAfter)).toBe(paid);
    expect(paid).toBeLessThanOrEqual(BigInt(report.quote));
  });

  it('lets a stranger find, describe and call a service', async () => {
    const found = await weft<{ listings?: { service: string }[] }>('services', 'scanned', 'text');
    expect(JSON.stringify(found)).toContain('models.ocr.v1.OcrService');
    expect(JSON.stringify(await weft('describe', 'LanguageService'))).toContain('Identify');
    const answer = await weft<{ response: { language: string } }>(
      'call',
      'LanguageService',
      'Identify',
      '{"text":"Guten Morgen, wie geht es Ihnen heute?"}',
    );
    expect(answer.response.language).toBe('de');
  });

  it('runs the pipeline on a small scan, enlarging it first', async () => {
    const small = join(root, 'examples/small-scan.png');
    const { width, height } = await sharp(small).metadata();
    expect(width * height).toBeLessThan(120_000);
    const view = await weft<{ status: string; steps: { step: string }[]; output: { text: string } }>(
      'run',
      'intake',
      '--input',
      `image=@${small}`,
    );
    expect(view.status).toBe('completed');
    expect(view.steps.map(({ step }) => step).join(' ')).toMatch(/superResolution/i);
    expect(view.output.text.length).toBeGreaterThan(20);
  });

  it('shows runs, channels and balance, and claims what is left to claim', async () => {
    const { runs } = await weft<{ runs: { runId: string; status: string }[] }>('runs');
    expect(runs.map(({ runId }) => runId)).toContain(first.report.runId);
    const shown = await weft<{ paid: string }>('run', 'show', first.report.runId);
    expect(shown.paid).toBe(first.report.paid);
    const { channels } = await weft<{ channels: { settled: string; claimed: string }[] }>('channels');
    expect(channels.length).toBeGreaterThanOrEqual(5);
    await weft('claim');
    const after = await weft<{ channels: { settled: string; claimed: string }[] }>('channels');
    expect(after.channels.map(({ claimed }) => claimed)).toEqual(after.channels.map(({ settled }) => settled));
    expect(JSON.stringify(await weft('balance'))).toMatch(/free/i);
  });

  it('proves a step to anyone, with what its service was built from, and adds up by day', async () => {
    const { epochs } = await weft<{ epochs: { asset: string; amount: string }[] }>('anchor');
    const { channels } = await weft<{ channels: { settled: string }[] }>('channels');
    const spent = String(channels.reduce((all, { settled }) => all + BigInt(settled), 0n));
    expect(String(sum(epochs))).toBe(spent);
    const file = join(tempDir(), 'receipt.json');
    await weft('receipt', first.report.runId, 'ocr.recognize', '--save', file);
    type Credit = { share: string; credited: string };
    const verified = await weft<{ asset: string; amount: string; credits: Credit[] }>('verify', file);
    const { amount, asset } = verified;
    expect(verified).toMatchObject({ verified: true, method: 'models.ocr.v1.OcrService/Recognize', notChecked: [] });
    // 15 % to the reader's model, of which 40 % to what that was trained on; released at the start.
    const shares = [(BigInt(amount) * 15n) / 100n, (BigInt(amount) * 6n) / 100n].map(String);
    expect(verified.credits.map(({ share }) => share)).toEqual(shares);
    expect(verified.credits.every(({ credited }) => BigInt(credited) > 0n)).toBe(true);
    expect(await weft('verify', file, '--offline')).toMatchObject({ verified: true, amount });

    const { total } = await weft<{ total: { amount: string } }>('statement', '--payer');
    expect(total.amount).toBe(spent);
    const served = await weft<{ total: Record<string, string> }>('statement', '--asset', asset);
    const { assets } = await weft<{ assets: Record<string, string>[] }>('audit', asset);
    expect(served.total).toMatchObject({ amount: assets[0]?.['earned'], royaltiesOut: assets[0]?.['royaltiesOut'] });
  });

  it('says which part is wrong with an input, and charges nothing', async () => {
    const before = JSON.stringify((await weft<{ channels: unknown[] }>('channels')).channels);
    for (const [json, reason] of [
      ['{"text":""}', 'EMPTY_TEXT'],
      ['{"txt":"x"}', 'INVALID_JSON'],
    ] as const)
      await expect(weft('call', 'LanguageService', 'Identify', json)).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringContaining(reason),
      });
    await expect(weft('call', 'NoSuchService', 'Go', '{}')).rejects.toMatchObject({
      stdout: expect.stringContaining('LISTING_UNKNOWN'),
    });
    const settled = (text: string) => [...text.matchAll(/"settled":"(\d+)"/g)].map(([, amount]) => amount);
    expect(settled(JSON.stringify((await weft<{ channels: unknown[] }>('channels')).channels))).toEqual(
      settled(before),
    );
  });

  const owned = async () => ({
    balance: await weft('balance'),
    settled: (await weft<{ channels: { settled: string }[] }>('channels')).channels.map(({ settled }) => settled),
  });

  it('says what is wrong with a picture that is none, and nothing is paid', async () => {
    await weft('claim');
    const folder = tempDir();
    const files = { text: 'this is no picture', empty: '', bomb: blankPng(10_000, 10_000) };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    const before = await owned();
    for (const [name, reason, message] of [
      ['text', 'BAD_IMAGE', 'image is neither PNG, JPEG, WebP nor TIFF'],
      ['empty', 'BAD_IMAGE', 'image is empty'],
      ['bomb', 'IMAGE_TOO_LARGE', 'image has 100000000 pixels; at most 40000000 are taken'],
      ['missing', 'INVALID_INPUT', `image: cannot read ${join(folder, 'missing')}`],
      ['', 'INVALID_INPUT', `image: ${join(folder, '')} is not a file`],
    ] as const) {
      const { code, error, lastLine } = await refused('run', 'intake', '--input', `image=@${join(folder, name)}`);
      expect({ name, code, reason: error.reason }).toEqual({ name, code: 1, reason });
      expect(error.message).toContain(message);
      expect(lastLine).toBe(`weft: ${error.message} (${reason})`);
    }
    expect(await owned()).toEqual(before);
  });

  it('notices before it starts anything that the file of `npm start -- --input` is missing', async () => {
    const other = join(tempDir(), 'home');
    const { code, lastLine } = await refused('--home', other, 'up', '--once', '--input', 'image=@no-such-file.png');
    expect({ code, lastLine }).toEqual({
      code: 1,
      lastLine: 'weft: image: cannot read no-such-file.png (INVALID_INPUT)',
    });
    expect(existsSync(other)).toBe(false);
  });

  it('serves the example client of the README', async () => {
    const { stdout } = await run(process.execPath, ['dist/examples/read-a-scan.js'], { env, cwd: root });
    expect(stdout).toContain('Thank you for your order');
  });

  it("runs a developer's own workflows with weft worker", async () => {
    const worker = leash(process.execPath, {
      args: [join(root, 'cli/weft.mjs'), 'worker', 'examples/mood-of-a-scan.workflow.ts'],
      cwd: root,
      env,
    });
    try {
      const { stdout } = await run(process.execPath, ['dist/examples/start-a-run.js'], { env, cwd: root });
      expect(stdout.trim()).toBe('friendly');
    } finally {
      await worker.stop();
    }
  });

  it('settles a step by a job: pays a page that passes the check, and nothing for one that does not', async () => {
    const worker = leash(process.execPath, {
      args: [join(root, 'cli/weft.mjs'), 'worker', 'examples/checked-scan.workflow.ts'],
      cwd: root,
      env,
    });
    const marketplace = await readMarketplace(home);
    const client = await connectTemporal({ ...marketplace.temporal, payloads: payloadsOf(home, marketplace) });
    try {
      const read = (image: Uint8Array) =>
        client.workflow.execute('checkedScan', {
          taskQueue: 'checked-scan',
          workflowId: randomUUID(),
          args: [new Uint8Array(image)],
        });
      const before = await weft<{ total: string; inToken: string; inJobs: string }>('balance');
      expect(await read(readFileSync(join(root, 'examples/scan.png')))).toContain('Thank you for your order');
      const small = await read(readFileSync(join(root, 'examples/small-scan.png'))).catch((error) => error);
      expect(small).toMatchObject({ cause: { cause: undefined, type: 'JOB_REJECTED' } });
      const { jobs } = await weft<{ jobs: { state: string; paid: string }[] }>('jobs');
      expect(jobs.map(({ state }) => state).sort()).toEqual(['COMPLETED', 'REJECTED']);
      const paid = jobs.reduce((all, job) => all + BigInt(job.paid), 0n);
      const after = await weft<typeof before>('balance');
      const all = ({ total, inToken, inJobs }: typeof before) => BigInt(total) + BigInt(inToken) + BigInt(inJobs);
      expect([all(before) - all(after), after.inJobs]).toEqual([paid, '0']);
      expect(paid).toBeGreaterThan(0n);
    } finally {
      await client.connection.close();
      await worker.stop();
    }
  });

  it('serves a stranger who has only installed the package: the client of the README, and workflows of his own', async () => {
    const folder = await installPackage(['typescript', '@types/node']);
    const here = { cwd: folder, env };
    const [, client] = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
    writeFileSync(join(folder, 'client.ts'), client ?? '');
    cpSync(join(root, 'test/fixtures/package'), folder, { recursive: true });
    const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--outDir', 'out'];
    const checked = await run('npx', ['tsc', ...strict, 'client.ts', 'start.ts'], here).catch((error) => error);
    // Temporal's own typings name a package that has none.
    const faults = `${checked.stdout}`.split('\n').filter((line) => /error TS|^error/.test(line));
    expect(faults.filter((line) => !line.includes('@temporalio/common/lib/time.d.ts'))).toEqual([]);

    const read = await run(process.execPath, ['out/client.js', join(root, 'examples/scan.png')], here);
    expect(read.stdout).toContain('Thank you for your order');

    const worker = leash(process.execPath, {
      args: [join(folder, 'node_modules/.bin/weft'), 'worker', 'describe-text.workflow.ts'],
      ...here,
    });
    try {
      const text = 'Maria Jones is delighted: the wonderful books arrived in Galway on March 14, 2024.';
      const started = await run(process.execPath, ['out/start.js', text], here);
      const { result, paid, steps } = JSON.parse(started.stdout);
      expect(result).toMatchObject({ language: 'en', friendly: true });
      expect(result.names).toContain('March 14, 2024');
      expect(steps.map(({ step }: { step: string }) => step)).toEqual([
        'language.identify',
        'entities.extract',
        'entities.sentiment',
      ]);
      expect(steps.every(({ receipt }: Report['steps'][number]) => receipt?.verified)).toBe(true);
      expect(BigInt(paid)).toBe(sum(steps));
    } finally {
      await worker.stop();
    }
  }, 180_000);

  it('T39 T40 T41 I14 writes no key, token or password into a log, a history or figures', async () => {
    const secrets = ['keys', 'wallet', 'gateway']
      .flatMap((folder) => readdirSync(join(home, folder), { withFileTypes: true }).map((entry) => ({ folder, entry })))
      .filter(({ entry }) => entry.isFile() && !entry.name.endsWith('.json'))
      .map(({ folder, entry }) => readFileSync(join(home, folder, entry.name), 'utf8').trim())
      .filter((secret) => secret.length >= 16);
    expect(secrets.length).toBeGreaterThanOrEqual(3);
    const { password } = new URL(readFileSync(join(home, 'database.url'), 'utf8').trim());
    const logs = readdirSync(join(home, 'logs')).map((name) => readFileSync(join(home, 'logs', name), 'latin1'));
    const history = readFileSync(join(home, 'temporal/temporal.db'), 'latin1');
    const urls = logs.flatMap((text) => [...text.matchAll(/"metrics":"(http[^"]+)"/g)].map(([, url]) => url!));
    const figures = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
    expect(figures.filter((text) => text.includes('process_cpu')).length).toBe(4);
    // As they are, and as an encoding would carry them, whatever the name of the field.
    const forms = [...secrets, password].flatMap((secret) => [
      secret,
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      ...(/^(0x)?[0-9a-f]{64}$/i.test(secret) ? [Buffer.from(secret.replace('0x', ''), 'hex').toString('base64')] : []),
    ]);
    for (const form of forms)
      for (const text of [...logs, ...figures, history, first.lines.join('\n')])
        expect(text.includes(form)).toBe(false);
  });

  it('T53 runs every process that is no client of Temporal without code from strings', () => {
    const apps = processesOf(home)
      .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'))
      .filter(([program, ...args]) => program === process.execPath && args.some((each) => each.includes('/services/')));
    const guarded = apps.filter((line) => line.includes('--disallow-code-generation-from-strings'));
    const names = (lines: string[][]) => lines.map((line) => /services\/(\w+)\/main/.exec(line.join(' '))?.[1]).sort();
    expect(names(apps)).toEqual(['gateway', 'models', 'registry', 'wallet', 'worker']);
    expect(names(guarded)).toEqual(['models', 'registry', 'wallet']);
  });

  it('refuses to start a second time on the same home while it is up', async () => {
    await expect(
      run(process.execPath, [join(root, 'cli/weft.mjs'), 'up', '--once'], { env, cwd: root }),
    ).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('up already') });
  });

  it('leaves no process behind when it is killed, and takes up contracts, listings and channels again, beside a second home', async () => {
    first.child.kill('SIGKILL');
    await first.child.exited;
    await expectNobodyIsLeft();
    const before = readFileSync(join(home, 'contracts.json'), 'utf8');
    const otherHome = join(tempDir(), 'other');
    const [again, other] = await Promise.all([up(), up(otherHome, '--once')]);

    for (const { report } of [again, other]) {
      expect(report.status).toBe('completed');
      expect(sum(report.settlement)).toBe(BigInt(report.paid));
    }
    expect(again.lines.join('\n')).not.toContain('channels opened');
    expect(other.lines.join('\n')).toContain('channels opened');
    expect(readFileSync(join(home, 'contracts.json'), 'utf8')).toBe(before);
    const ports = [home, otherHome].flatMap((at) =>
      Object.values(JSON.parse(readFileSync(join(at, 'ports.json'), 'utf8'))),
    );
    expect(new Set(ports).size).toBe(ports.length);

    expect(await other.child.exited).toMatchObject({ code: 0 });
    await expectNobodyIsLeft(otherHome);
    // T39: what was recognised can be read in a history, but not in one that is encrypted.
    const saysIn = (at: string) => readFileSync(join(at, 'temporal/temporal.db'), 'latin1').includes('Thank you');
    expect([home, otherHome].map(saysIn)).toEqual([true, false]);
    expect(other.report.output.text).toContain('Thank you');
    const { runs } = await weft<{ runs: { runId: string }[] }>('runs');
    expect(runs.map(({ runId }) => runId)).toEqual(expect.arrayContaining([first.report.runId, again.report.runId]));
    expect(runs.map(({ runId }) => runId)).not.toContain(other.report.runId);
    // A marketplace without its chain is none: it says so, and ends.
    const anvil = processesOf(home).find((pid) => /^[^\0]*anvil\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')));
    process.kill(anvil!, 'SIGKILL');
    expect(await again.child.exited).toMatchObject({ code: 1 });
    expect(again.lines.join('\n')).toContain('anvil ended by itself with SIGKILL');
    await expectNobodyIsLeft();
  }, 240_000);
});
