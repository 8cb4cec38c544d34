import type { z } from 'zod';
import { WeftError } from '#core/errors.js';
import type { Requirement } from '#core/requirement.js';

/** A pipeline that the gateway starts, quotes and describes. */
export interface Pipeline {
  readonly name: string;
  readonly summary: string;
  readonly workflowType: string;
  /** From the JSON of a request to what the workflow takes. */
  readonly input: z.ZodType<object>;
  /** What it may call, for a quote. */
  readonly requirements: readonly Requirement[];
}

export class Pipelines {
  private readonly byName: ReadonlyMap<string, Pipeline>;

  constructor(pipelines: readonly Pipeline[]) {
    this.byName = new Map(pipelines.map((pipeline) => [pipeline.name, pipeline]));
  }

  all(): Pipeline[] {
    return [...this.byName.values()];
  }

  get(name: string): Pipeline {
    const found = this.byName.get(name);
    if (found !== undefined) return found;
    const known = [...this.byName.keys()].join(', ');
    throw new WeftError('NOT_FOUND', `pipeline: there is no pipeline "${name}"; there are: ${known}`, {
      field: 'pipeline',
    });
  }

  /** The workflow's input, or INVALID_INPUT with the path of the first field that does not fit. */
  input(pipeline: Pipeline, json: unknown): object {
    const parsed = pipeline.input.safeParse(json);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const field = ['input', ...(issue?.path ?? []).map(String)].join('.');
    throw new WeftError('INVALID_INPUT', `${field}: ${issue?.message ?? 'does not fit'}`, { field });
  }
}
