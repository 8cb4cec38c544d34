import { TestEnvironment } from 'jest-environment-node';

/**
 * Runs what specs gave to `onEnd`, last first, once every test and every afterAll of the file is done. A plain
 * afterAll of a helper would run before those of the spec that uses it, and pull the floor away from under them.
 */
export default class WeftEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    this.global.weftOnEnd = [];
  }

  async handleTestEvent(event) {
    if (event.name !== 'run_finish') return;
    for (const end of this.global.weftOnEnd.reverse()) await end();
  }
}
