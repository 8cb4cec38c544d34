declare global {
  var weftOnEnd: (() => unknown)[];
}

/** Runs `end` after the last test and the last afterAll of this spec file; what was begun last ends first. */
export function onEnd(end: () => unknown): void {
  globalThis.weftOnEnd.push(end);
}
