import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { type BundleOptions, bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { WeftError } from '#core/errors.js';

const here = fileURLToPath(import.meta.url);
/** '.ts' when the sources run (tests), '.js' after a build. */
const extension = extname(here);
const root = join(dirname(here), '../..');
const source = (file: string) => join(root, file + extension);

/** The shipped pipelines. */
export const shippedWorkflows = source('workflows/index');

/** What of Weft must not get into workflow code, since it is not deterministic (rule 8). */
const outside = /^(libs\/(?!core\/)|services\/|contracts\/|agents\/|cli\/)/;

/**
 * Bundles a file of workflows for the worker's sandbox. Fails, naming the module, if workflow code imports anything
 * of Weft but `weft/workflow`, `libs/core` and generated messages, or anything of Node.
 */
export async function bundleWorkflows(file: string): Promise<WorkflowBundle> {
  const problems: string[] = [];
  const logger = new DefaultLogger('WARN', ({ level, message }) => {
    if (level === 'ERROR') problems.push(stripVTControlCharacters(message));
  });
  try {
    return await bundleWorkflowCode({
      workflowsPath: resolve(file),
      workflowInterceptorModules: [source('workflows/runtime/interceptors')],
      payloadConverterPath: source('libs/core/payload-converter'),
      failureConverterPath: source('libs/core/failure-converter'),
      webpackConfigHook,
      logger,
    });
  } catch (error) {
    // The bundler tells its log what is wrong, and throws that something is.
    const what = problems.length > 0 ? problems.join('\n') : String(error instanceof Error ? error.message : error);
    throw new WeftError(
      'INVALID_INPUT',
      `${file} is no file of workflows:\n${what}`,
      { field: 'file' },
      { cause: error },
    );
  }
}

type WebpackConfig = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];

function webpackConfigHook(config: WebpackConfig): WebpackConfig {
  return {
    ...config,
    resolve: {
      ...config.resolve,
      conditionNames: [...(extension === '.ts' ? ['source'] : []), 'webpack', 'import', 'require', 'node', 'default'],
    },
    plugins: [...(config.plugins ?? []), { apply: refuseOutsiders }],
  };
}

type Compiler = Parameters<Extract<NonNullable<WebpackConfig['plugins']>[number], (...args: never[]) => void>>[0];

function refuseOutsiders(compiler: Compiler): void {
  compiler.hooks.normalModuleFactory.tap('weft', (factory) => {
    factory.hooks.afterResolve.tap('weft', ({ createData, contextInfo }) => {
      const path = relative(root, createData?.resource ?? root)
        .split(sep)
        .join('/');
      if (!outside.test(path)) return;
      throw new Error(`workflow code must not import ${path} (from ${relative(root, contextInfo.issuer)})`);
    });
  });
}
