import { spawnSync } from 'node:child_process';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** How to start a program that refuses to run as root. */
export interface RunAs {
  /** Undefined when we are not root: the program runs as we do. */
  readonly user: User | undefined;
  /** Goes in front of the command; may be empty. */
  readonly prefix: readonly string[];
}

/** The user for programs that refuse root: "postgres" if the machine has it, else "nobody". Undefined if we are not root. */
export function plainUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => {
      const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
      return status === 0 ? Number(stdout) : Number.NaN;
    });
    if (Number.isInteger(uid) && Number.isInteger(gid)) return { uid: uid as number, gid: gid as number };
  }
  throw new Error('running as root, and there is neither a user "postgres" nor "nobody" to run PostgreSQL as');
}

/**
 * Root's clone often lies where other users may not go (/root, a private temporary folder). Then the program
 * runs as that user, yet with the one capability that lets it pass there.
 */
export function runAs(user: User | undefined, program: string, folder: string): RunAs {
  if (user === undefined) return { user, prefix: [] };
  const test = ['-c', 'test -x "$1" && test -w "$2"', 'sh', program, folder];
  if (spawnSync('/bin/sh', test, user).status === 0) return { user, prefix: [] };
  const prefix = [
    'setpriv',
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    // Without it access(2), by which PostgreSQL looks for its parts, leaves the capability out of account.
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ];
  const [setpriv = '', ...flags] = prefix;
  if (spawnSync(setpriv, [...flags, '/bin/sh', ...test]).status === 0) return { user: undefined, prefix };
  throw new Error(
    `running as root, and user ${user.uid}, as whom PostgreSQL must run, may not reach ${program} and ${folder}: ` +
      'put the clone and WEFT_HOME where every user may go, or run as a user other than root',
  );
}
