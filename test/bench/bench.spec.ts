import { benches } from './benches.js';
import { runBenches } from './run-benches.js';

/** Runs one command line of `npm run bench` in this process and gives what it wrote. */
async function bench(...argv: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runBenches(argv, { out: (line) => out.push(line), err: (line) => err.push(line) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('npm run bench', () => {
  it('names every bench in its help, and shows an example', async () => {
    const { code, out } = await bench('--help');
    expect(code).toBe(0);
    for (const name of Object.keys(benches)) expect(out).toContain(`\n  ${name} `);
    expect(out).toContain('npm run bench -- paid-call --json');
  });

  it('refuses a name and an option that it does not know, and says which there are', async () => {
    expect(await bench('paid-cal')).toEqual({
      code: 2,
      out: '',
      err: 'no bench is called paid-cal: there are paid-call, paid-step, flood, start-up, memory, gas',
    });
    const { code, out, err } = await bench('gas', '--jsno');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/--jsno.*npm run bench -- --help/);
  });

  it('compares a paid call with the same call unpaid, wallet embedded and wallet process, in one line of JSON', async () => {
    const { code, out } = await bench('paid-call', '--json', '--quick');
    expect(code).toBe(0);
    const share = { '1': expect.any(Number), '8': expect.any(Number), '64': expect.any(Number) };
    const side = { p50Ms: expect.any(Number), p95Ms: expect.any(Number), perSecond: share };
    const comparison = { p50Ratio: expect.any(Number), throughputShare: share };
    expect(JSON.parse(out)).toEqual({
      bench: 'paid-call',
      ...comparison,
      unpaid: side,
      paid: side,
      walletProcess: { ...comparison, paid: side },
      floor: {
        signMs: expect.any(Number),
        recoverMs: expect.any(Number),
        durableRowMs: expect.any(Number),
        p50Ratio: expect.any(Number),
      },
    });
  }, 120_000);

  it('T66 shows what a payer notices of a stranger who floods his provider', async () => {
    const { code, out } = await bench('flood', '--json', '--quick');
    expect(code).toBe(0);
    const latency = { p50Ms: expect.any(Number), p99Ms: expect.any(Number) };
    const beside = { ...latency, p50Ratio: expect.any(Number), p99Ratio: expect.any(Number) };
    expect(JSON.parse(out)).toEqual({
      bench: 'flood',
      alone: latency,
      beside: [100, 300, 1_000].map((questionsPerSec) => ({
        questionsPerSec,
        answered: expect.any(Number),
        ...beside,
      })),
    });
    for (const { answered } of JSON.parse(out).beside) expect(answered).toBeGreaterThan(0);
  }, 120_000);
});
