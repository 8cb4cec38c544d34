import { WeftError } from '#core/errors.js';
import type { RunView, StepView } from '#services/gateway/runs/run-views.js';
import type { GatewayClient } from './gateway-client.js';

/** Follows a run to its end, telling each step as it ends. */
export async function watchRun(gateway: GatewayClient, id: string, onStep: (step: StepView) => void): Promise<RunView> {
  for await (const { event, data } of gateway.events(`/v1/runs/${encodeURIComponent(id)}/events`)) {
    if (event === 'step') onStep(data as StepView);
    if (event === 'end') return data as RunView;
  }
  const message = `the gateway stopped telling of ${id}; see it with: npx weft run show ${id}`;
  throw new WeftError('GATEWAY_UNAVAILABLE', message);
}
