import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bundleWorkflows, shippedWorkflows } from './bundle.js';

describe('workflow bundle', () => {
  let folder: string;
  beforeAll(async () => {
    // Inside the repository, where '#…' and packages resolve.
    folder = await mkdtemp(join(import.meta.dirname, '../../workflows/.bundle-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const bundle = async (name: string, code: string) => {
    const file = join(folder, name);
    await writeFile(file, code);
    return bundleWorkflows(file);
  };

  it('rule 8: takes the shipped pipelines, which import nothing but core and generated messages', async () => {
    const bundle = await bundleWorkflows(shippedWorkflows);
    expect(bundle).toEqual(expect.objectContaining({ code: expect.stringContaining('intake') }));
  });

  it.each([
    ['a library that is not core', `import '#payments/digests.js'`, /payments\/digests/],
    ['a service', `import '#services/worker/bundle.js'`, /services\/worker\/bundle/],
    ['a relative way around', `import '../../libs/client/temporal/payload-store.js'`, /payload-store/],
    ['a builtin of Node', `import { readFileSync } from 'node:fs'; export const x = readFileSync;`, /node:fs/],
  ])('rule 8: refuses workflow code that imports %s', async (what, code, named) => {
    await expect(bundle(`${what.replaceAll(' ', '-')}.ts`, code)).rejects.toThrow(named);
  });
});
