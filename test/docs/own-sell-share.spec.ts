import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { send } from '#contracts/chain.js';
import { ProviderKeys } from '#services/models/provider/provider-keys.js';
import { startEconomyHome } from '#test/support/economy-home.js';

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
const [, block = ''] = /## Own, sell, share\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme) ?? [];
const lines = block.trim().split('\n');

describe('README, "Own, sell, share"', () => {
  it('can be typed line by line at a marketplace that was just started', async () => {
    const { chain, home, run } = await startEconomyHome();
    try {
      // As `weft up` leaves them: shipped services, each with an owner of its own out of the provider's keystore.
      for (let n = 0; n < 3; n++) {
        const owner = ProviderKeys.open(home).owner(n).connect(chain.provider);
        await chain.provider.send('anvil_setBalance', [owner.address, '0xde0b6b3a7640000']);
        await send(owner, chain.assets.mint());
      }
      expect(lines.length).toBeGreaterThan(8);
      for (const line of lines) {
        const [npx, weft, ...argv] = line.split(' ');
        expect([npx, weft]).toEqual(['npx', 'weft']);
        const { code, err, out } = await run(...argv);
        expect({ line, code, err: code === 0 ? '' : err }).toEqual({ line, code: 0, err: '' });
        expect(out).not.toBe('');
      }
      const owner = await chain.assets.ownerOf(3n);
      expect(await chain.provider.getCode(`0x${Buffer.from(owner).toString('hex')}`)).not.toBe('0x');
    } finally {
      await chain.stop();
    }
  });
});
