import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('package-lock.json', () => {
  it('T70 names the optional packages of every platform, without which npm 11 refuses it', () => {
    const list = execFileSync(process.execPath, ['.ci/complete-lock.mjs', '--list'], { cwd: root, encoding: 'utf8' });
    expect(list).toBe('');
  });

  it('T70 pins the bytes of every package that this platform installs', () => {
    const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8'));
    const places = Object.keys(packages).filter((place) => place !== '' && !packages[place].os);
    expect(places.filter((place) => !packages[place].integrity)).toEqual([]);
  });

  it('T53 holds no protobufjs that makes code of what a schema says', () => {
    const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8'));
    const versions = Object.entries<{ version: string }>(packages)
      .filter(([place]) => place.endsWith('node_modules/protobufjs'))
      .map(([, { version }]) => version.split('.').map(Number) as [number, number, number]);
    expect(versions.length).toBeGreaterThan(0);
    // Mended in 7.5.6 and 8.0.2 (GHSA-xq3m-2v4x-88gg and what followed it).
    const isMended = ([major, minor, patch]: [number, number, number]) =>
      major === 7 ? minor > 5 || (minor === 5 && patch >= 6) : major === 8 && (minor > 0 || patch >= 2);
    expect(versions.filter((each) => !isMended(each))).toEqual([]);
  });
});
