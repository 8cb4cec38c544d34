import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { deploymentFile } from '#contracts/deployment.js';

/** Where everything of one marketplace lives (`WEFT_HOME`). */
export class Home {
  constructor(readonly path: string) {}

  file(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** A folder, made if it is not there. */
  folder(...parts: string[]): string {
    const path = this.file(...parts);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  get contracts(): string {
    return deploymentFile(this.path);
  }

  log(name: string): string {
    return join(this.folder('logs'), `${name}.log`);
  }
}
