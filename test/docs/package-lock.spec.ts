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
});
