// A local chain of one's own, for tests and measurements: a free port, gone with its parent.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { findBinary } from './foundry.mjs';

// The shell becomes anvil; what it leaves behind ends anvil when our end of its standard input closes, be it by death.
const DIE_WITH_PARENT = 'exec 3<&0; (cat <&3; kill $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null';
const START_TIMEOUT_MS = 30_000;

/** @param {string[]} flags further flags of anvil */
export async function startAnvil(flags = []) {
  const args = ['--host', '127.0.0.1', '--port', '0', '--hardfork', 'prague', ...flags];
  const child = spawn('sh', ['-c', DIE_WITH_PARENT, 'sh', findBinary('anvil'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    child.stdin.destroy();
  };
  let trouble = '';
  child.stderr.on('data', (chunk) => {
    trouble += chunk;
  });
  const listening = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const port = /Listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port) return Number(port);
    }
    return undefined;
  })();
  let timer;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, START_TIMEOUT_MS);
  });
  const port = await Promise.race([listening, exited.then(() => undefined), timeout]);
  clearTimeout(timer);
  if (port === undefined) {
    await stop();
    throw new Error(`anvil did not start: ${trouble}`);
  }
  child.stdout.resume();
  return { rpcUrl: `http://127.0.0.1:${port}`, pid: child.pid, stop };
}
