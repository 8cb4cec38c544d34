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

  it('T70 runs no script of a package that is installed', () => {
    expect(readFileSync(`${root}.npmrc`, 'utf8').split('\n')).toContain('ignore-scripts=true');
  });

  it('T70 asks for exact versions only', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
      readFileSync(`${root}package.json`, 'utf8'),
    );
    const asked = Object.entries<string>({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(asked.length).toBeGreaterThan(50);
    expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  it('T70 lists what is installed, by name, version and digest', () => {
    const list = execFileSync('npm', ['run', '--silent', 'sbom'], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
    const components = (JSON.parse(list) as { components: Component[] }).components;
    const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
    const names = new Set(components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`)));
    expect(Object.keys(dependencies).filter((name) => !names.has(name))).toEqual([]);
    expect(components.filter((each) => each.scope !== 'optional' && !each.hashes?.[0]?.content)).toEqual([]);
  });
});

interface Component {
  readonly group?: string;
  readonly name: string;
  readonly scope?: string;
  readonly hashes?: readonly { readonly content: string }[];
}
