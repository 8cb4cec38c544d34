/** Lets Node run our TypeScript sources: `node --import ./test/support/ts-loader.mjs services/wallet/main.ts`. */
import { register } from 'node:module';

register('./ts-hooks.mjs', import.meta.url);
