import { rmSync } from 'node:fs';

export default async () => {
  const { postgres, dir } = globalThis.weftTest;
  await postgres.stop();
  rmSync(dir, { recursive: true, force: true });
};
