import { join } from 'node:path';
import { WeftError } from '#core/errors.js';
import { packageRoot } from '#platform/home.js';
import { inheritedEnvironment } from '#platform/inherited-environment.js';
import { type Leashed, leash } from '#platform/local/leash.js';

/** What an app writes with the line that says "ready": addresses and the like. */
export type ReadyFields = Readonly<Record<string, unknown>>;

export interface AppProcess {
  readonly child: Leashed;
  /** Resolves when the app says that it is ready, rejects with its last lines when it ends before. */
  readonly ready: Promise<ReadyFields>;
}

export interface AppOptions {
  /** For messages and the log file. */
  readonly name: string;
  /** Below `dist`, for example "services/registry/main.js". */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** Whatever a schema or a text of others holds, nothing can turn it into code in a process started so. */
const NO_CODE_FROM_STRINGS = '--disallow-code-generation-from-strings';
/** Temporal's client makes the codec of Temporal's own messages when it starts. */
const temporalClients: ReadonlySet<string> = new Set(['gateway', 'worker']);

/** Starts one app on a leash. */
export function startApp({ name, entry, env, logFile }: AppOptions): AppProcess {
  let isReady: (fields: ReadyFields) => void = () => {};
  const child = leash(process.execPath, {
    args: [...(temporalClients.has(name) ? [] : [NO_CODE_FROM_STRINGS]), join(packageRoot(), 'dist', entry)],
    env: { ...inheritedEnvironment(), ...env },
    logFile,
    onLine: (line) => {
      const fields = readyFields(line);
      if (fields) isReady(fields);
    },
  });
  const ready = new Promise<ReadyFields>((resolve, reject) => {
    isReady = resolve;
    void child.exited.then(({ code, signal }) => {
      const how = signal ?? `code ${code}`;
      reject(
        new WeftError('INTERNAL', `${name} ended with ${how} before it was ready; see ${logFile}\n${child.logTail()}`),
      );
    });
  });
  ready.catch(() => {});
  return { child, ready };
}

function readyFields(line: string): ReadyFields | undefined {
  if (!line.includes('"msg":"ready"')) return undefined;
  try {
    return JSON.parse(line) as ReadyFields;
  } catch {
    return undefined;
  }
}
