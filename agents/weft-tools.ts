import type { DynamicStructuredTool } from '@langchain/core/tools';
import type { JsonSchema } from '#client/contract/json-schema.js';
import { type MethodView, recordView, verifiedView } from '#client/listing/listing-view.js';
import type { Weft } from '#client/weft.js';
import { WeftError } from '#core/errors.js';
import { plainLine } from '#core/plain-text.js';
import { AgentFiles } from './agent-files.js';
import { argumentSchema } from './argument-schema.js';
import { Budget, type BudgetLimits } from './budget.js';
import { type AgentKit, allowedListing, callService } from './call-service.js';
import { fence } from './fence.js';
import { weftTool } from './weft-tool.js';

export interface WeftToolOptions extends BudgetLimits {
  /** Connected with a wallet token whose own limits hold whatever happens in this process. */
  readonly weft: Weft;
  /** Full names of the services that may be called; default: all that are offered. */
  readonly allowedServices?: readonly string[];
  /** Files that the agent may pass to services, by name. */
  readonly files?: AgentFiles;
}

const MAX_FOUND = 10;
const listingSchema = { type: 'string', description: 'Digest ("0x…"), asset id, or full name of a service' };

/**
 * Three tools: `search_services`, `describe_service`, `call_service`. What services say reaches the model cleaned,
 * fenced and labelled as data; what may be spent, and on whom, is decided here and in the wallet, never by a text.
 */
export function weftTools(options: WeftToolOptions): DynamicStructuredTool[] {
  const kit = kitOf(options);
  return [searchTool(kit), describeTool(kit), callTool(kit)];
}

/** One tool for each unary method of a listing (digest, asset id, full name), its arguments as the contract has them. */
export async function serviceTools(options: WeftToolOptions, name: string): Promise<DynamicStructuredTool[]> {
  const kit = kitOf(options);
  const listing = await allowedListing(kit, name);
  const { service, methods, prices } = verifiedView(listing);
  return methods
    .filter(({ method, requestStream }) => !requestStream && prices.some((price) => price.method === method))
    .map((view) =>
      weftTool({
        name: toolName(service, view.name),
        description: plainLine(view.description, 1_000) || `${service}/${view.name}`,
        schema: argumentSchema(view.request),
        run: (args) => callService(kit, listing, view.name, args),
      }),
    );
}

function kitOf({ weft, allowedServices, files = new AgentFiles(), ...limits }: WeftToolOptions): AgentKit {
  const allowed = allowedServices && new Set(allowedServices);
  return { weft, files, allowed, budget: new Budget(limits) };
}

const object = (properties: Record<string, JsonSchema>, required: readonly string[]): JsonSchema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const searchTool = (kit: AgentKit): DynamicStructuredTool =>
  weftTool({
    name: 'search_services',
    description: 'Finds services by words. Each has a listing to describe and call it by, and prices in minor units.',
    schema: object({ words: { type: 'string', minLength: 1, maxLength: 200 } }, ['words']),
    async run({ words }) {
      if (typeof words !== 'string' || words.trim() === '')
        throw new WeftError('INVALID_INPUT', 'words: say what to search for', { field: 'words' });
      const records = await kit.weft.parts.market.directory.search(words.trim().slice(0, 200), MAX_FOUND);
      const found = records
        .map(recordView)
        .filter(({ serving, service }) => serving && (kit.allowed?.has(service) ?? true))
        .map(({ listing, asset, service, title, summary, prices }) => ({
          listing,
          asset,
          service,
          title,
          summary,
          prices: prices.map(({ method, kind, unit, rate, per, maxAmount }) => ({
            method: method.slice(method.indexOf('/') + 1),
            kind,
            ...(kind === 'metered' ? { unit, rate, per } : {}),
            maxAmount,
          })),
        }));
      return { text: fence('the registry', found), artifact: found };
    },
  });

const describeTool = (kit: AgentKit): DynamicStructuredTool =>
  weftTool({
    name: 'describe_service',
    description: 'Shows the methods of one service: what they do, cost, take (JSON Schema) and answer.',
    schema: object({ listing: listingSchema }, ['listing']),
    async run({ listing: name }) {
      const { listing, service, title, summary, prices, methods } = verifiedView(await allowedListing(kit, name));
      const view = { listing, service, title, summary, prices, methods: methods.map(methodForModel) };
      return { text: fence(`the provider of ${service}`, view), artifact: view };
    },
  });

const methodForModel = ({ name, description, request, response, responseStream }: MethodView) => ({
  name,
  description,
  arguments: argumentSchema(request),
  answer: argumentSchema(response),
  ...(responseStream ? { answers: 'a list' } : {}),
});

const callTool = (kit: AgentKit): DynamicStructuredTool =>
  weftTool({
    name: 'call_service',
    description: `Calls a method of a service and pays for it. Describe the service first. Files go by name; your files: ${filesText(kit.files)}.`,
    schema: object(
      {
        listing: listingSchema,
        method: { type: 'string', description: 'Name of the method, for example "Recognize"' },
        arguments: { type: 'object', description: 'As describe_service tells' },
      },
      ['listing', 'method', 'arguments'],
    ),
    async run({ listing, method, arguments: args }) {
      if (typeof method !== 'string') throw new WeftError('INVALID_INPUT', 'method: name it', { field: 'method' });
      return callService(kit, await allowedListing(kit, listing), method, args);
    },
  });

const filesText = (files: AgentFiles): string =>
  files
    .names()
    .map((name) => plainLine(name, 80))
    .join(', ') || 'none';

/** "models.ocr.v1.OcrService", "Recognize" as "OcrService_Recognize", within what model APIs take. */
const toolName = (service: string, method: string): string =>
  `${service.slice(service.lastIndexOf('.') + 1)}_${method}`.replace(/[^\w-]/g, '_').slice(0, 64);
