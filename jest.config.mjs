/** Jest runs the TypeScript sources as native ES modules; `npm test` sets NODE_OPTIONS=--experimental-vm-modules. */
export default {
  testEnvironment: '<rootDir>/test/support/environment.mjs',
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^#(core|platform|payments|client|paywall)/(.*)\\.js$': '<rootDir>/libs/$1/$2.ts',
    '^#contracts/(.*)\\.js$': '<rootDir>/contracts/client/$1.ts',
    '^#protos/(.*)\\.js$': '<rootDir>/protos/gen/$1.ts',
    '^#(workflows|agents|cli|services|test)/(.*)\\.js$': '<rootDir>/$1/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2022',
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  reporters: ['default', '<rootDir>/test/support/summary-reporter.mjs'],
  // Most tests wait for processes of ours: three at a time keep two cores busy.
  maxWorkers: 3,
  testTimeout: 60_000,
};
