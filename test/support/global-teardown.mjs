import { rmSync } from 'node:fs';

export default async () => {
  const { postgres, dirs } = globalThis.weftTest;
  await postgres.stop();
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
};
