import { ToolMessage } from '@langchain/core/messages';
import { DynamicStructuredTool, ToolInputParsingException } from '@langchain/core/tools';
import type { JsonSchema } from '#client/contract/json-schema.js';
import { WeftError } from '#core/errors.js';
import { fence } from './fence.js';

/** What a tool answers: a text for the model, and a value for the program around it. */
export interface ToolAnswer {
  readonly text: string;
  readonly artifact?: unknown;
}

export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonSchema;
  run(args: Record<string, unknown>): Promise<ToolAnswer>;
}

/**
 * A tool whose every failure is an answer: the model learns what was refused and why, and nothing of this process.
 * (LangChain by itself shows a model the stack of whatever is thrown.)
 */
export function weftTool({ name, description, schema, run }: ToolSpec): DynamicStructuredTool {
  const func = async (args: unknown): Promise<[string, unknown]> => {
    try {
      const { text, artifact } = await run(args as Record<string, unknown>);
      return [text, artifact];
    } catch (error) {
      return refusal(WeftError.from(error));
    }
  };
  return new WeftTool({ name, description, schema, func, responseFormat: 'content_and_artifact' });
}

function refusal({ reason, message, details }: WeftError): [string, unknown] {
  // The message may be a service's own text.
  return [`Refused: ${reason}\n${fence('the refusal', { message, details })}`, { error: { reason, message, details } }];
}

class WeftTool extends DynamicStructuredTool {
  override async invoke(
    input: Parameters<DynamicStructuredTool['invoke']>[0],
    config?: Parameters<DynamicStructuredTool['invoke']>[1],
  ): Promise<never> {
    try {
      return (await super.invoke(input, config)) as never;
    } catch (error) {
      if (!(error instanceof ToolInputParsingException)) throw error;
      const misfit = new WeftError('INVALID_INPUT', `the arguments do not fit the schema of ${this.name}`);
      const [content, artifact] = refusal(misfit);
      const call = input as { id?: string; type?: string };
      if (call.type !== 'tool_call' || call.id === undefined) return content as never;
      return new ToolMessage({ content, artifact, name: this.name, tool_call_id: call.id, status: 'error' }) as never;
    }
  }
}
