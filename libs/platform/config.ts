import { z } from 'zod';
import { WeftError } from '#core/errors.js';

/**
 * An app's configuration from the environment, parsed before anything starts. Keys of `schema` are the names of
 * variables; `.describe()` is the hint shown for a bad one. An empty variable counts as missing.
 * @throws WeftError CONFIG_INVALID naming every bad variable, never a value
 */
export function loadConfig<S extends z.ZodObject>(schema: S, env: NodeJS.ProcessEnv = process.env): z.output<S> {
  const given = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, env[name] || undefined]));
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const problems = new Map<string, string>();
  for (const { path, message } of result.error.issues) {
    const name = String(path[0] ?? 'configuration');
    const hint = (schema.shape[name] as z.ZodType | undefined)?.description;
    const problem = name in given && given[name] === undefined ? 'is missing' : `is wrong: ${message}`;
    if (!problems.has(name)) problems.set(name, hint === undefined ? problem : `${problem} (${hint})`);
  }
  const lines = [...problems].map(([name, problem]) => `  ${name} ${problem}`);
  throw new WeftError(
    'CONFIG_INVALID',
    `the configuration is not usable:\n${lines.join('\n')}`,
    Object.fromEntries(problems),
  );
}

/** A TCP port; 0 lets the system choose one. */
export const port = () => z.coerce.number().int().min(0).max(65_535);

/** true/false, 1/0, yes/no, on/off. */
export const flag = () => z.stringbool();

/** Names separated by commas. */
export const list = () =>
  z.string().transform((text) =>
    text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  );
