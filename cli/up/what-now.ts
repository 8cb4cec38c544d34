import type { Marketplace } from '#client/marketplace.js';
import { withoutSecrets } from '#core/part-down.js';

/** What one can do with a marketplace that stays. The chain's URL is whole unless a key may be in it. */
export function whatNow(marketplace: Marketplace, runId: string): string {
  return [
    '',
    `gateway   ${marketplace.gateway}/docs`,
    `Temporal  ${marketplace.temporal.ui}`,
    `chain     ${withoutSecrets(marketplace.rpcUrl)}`,
    '',
    'Try, in another terminal:',
    '  npx weft services scanned text',
    `  npx weft run show ${runId}`,
    `  npx weft call LanguageService Identify '{"text":"Guten Morgen, wie geht es Ihnen?"}'`,
    '',
    'Ctrl-C ends everything.',
  ].join('\n');
}
