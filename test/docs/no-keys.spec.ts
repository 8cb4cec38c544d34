import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Mnemonic, Wallet, wordlists } from 'ethers';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Of every anvil and hardhat chain; documented in docs/SECURITY.md. */
const TEST_PHRASE = 'test test test test test test test test test test test junk';

/** 32 bytes in hexadecimal that are no key: what they are, by file. Digests in recorded histories are no keys either. */
const known: Readonly<Record<string, RegExp>> = {
  'README.md': /^ready in|^ +\d+ {2}0x/, // hashes of transactions, as the commands print them
  'contracts/test/support/WeftTest.sol': /ORDER = /,
  'libs/payments/signature.spec.ts': /ORDER = /,
  'libs/payments/signature.ts': /HALF_ORDER = /,
};

const forms: Readonly<Record<string, RegExp>> = {
  'a private key in PEM': /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/,
  'a keystore': /"crypto"\s*:\s*\{|"ciphertext"\s*:\s*"/i,
  'a token of a well-known service':
    /\b(?:gh[pousr]_\w{30,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,})/,
  'a URL with a password': /\b\w+:\/\/[^\s:/@$<{`]+:(?!password@|secret@|\$|canary)[^\s:/@$<{`]{8,}@/,
};

/** What of a file looks like a secret. */
function findSecrets(file: string, text: string): string[] {
  const found: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const say = (what: string) => found.push(`${file}:${i + 1} ${what}`);
    for (const [what, pattern] of Object.entries(forms)) if (pattern.test(line)) say(what);
    if (/(?<![0-9a-f])(?:0x)?[0-9a-f]{64}(?![0-9a-f])/i.test(line) && !known[file]?.test(line))
      say('32 bytes, perhaps a key');
    if (phrasesIn(line).some((phrase) => phrase !== TEST_PHRASE)) say('a mnemonic');
  }
  return found;
}

function phrasesIn(line: string): string[] {
  const words = line.match(/[a-z]+/g) ?? [];
  const phrases: string[] = [];
  for (let at = 0; at + 12 <= words.length; at++)
    for (const count of [12, 24]) {
      const some = words.slice(at, at + count);
      if (some.length < count || some.some((word) => wordlists['en']!.getWordIndex(word) < 0)) continue;
      if (Mnemonic.isValidMnemonic(some.join(' '))) phrases.push(some.join(' '));
    }
  return phrases;
}

describe('the repository', () => {
  it('T41 would be caught with a key in it', () => {
    const { privateKey, mnemonic } = Wallet.createRandom();
    const pem = ['-----BEGIN', 'PRIVATE KEY-----'].join(' ');
    for (const secret of [privateKey, privateKey.slice(2), mnemonic!.phrase, pem, `'${mnemonic!.phrase}'`])
      expect(findSecrets('README.md', `const key = ${secret};`)).toHaveLength(1);
    expect(findSecrets('README.md', `'${TEST_PHRASE}'`)).toEqual([]);
  });

  it('T41 holds no private key, mnemonic, keystore or token but the documented ones for tests', () => {
    const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
    expect(files).toContain('package.json');
    const texts = files.filter((file) => !/^workflows\/histories\/|^package-lock\.json$|\.png$/.test(file));
    expect(texts.flatMap((file) => findSecrets(file, readFileSync(`${root}${file}`, 'utf8')))).toEqual([]);
  });
});
