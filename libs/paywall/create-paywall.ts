import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { escrowDomain } from '#payments/typed-data.js';
import type { GrpcAppOptions } from '#platform/grpc/start-grpc-app.js';
import { PaymentsDefinition } from '#protos/weft/payment/v1/payment.js';
import { defaultLimits, type PaywallLimits } from './limits.js';
import { withPayments } from './payments-controller.js';
import { PaymentsService } from './payments-service.js';
import { StreamCall } from './stream-call.js';
import { unaryCall } from './unary-call.js';
import { Wall, type WallOptions } from './wall.js';

const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export interface PaywallOptions extends Omit<WallOptions, 'domain' | 'limits' | 'onStage' | 'onError'> {
  readonly chainId: bigint;
  /** The one escrow that pays, 20 bytes. */
  readonly escrow: Uint8Array;
  readonly limits?: Partial<PaywallLimits>;
  /** Told what went wrong in the background, for example that the chain does not answer. */
  readonly onError?: (error: unknown) => void;
  /** For tests that kill the process at a certain instant. */
  readonly onStage?: WallOptions['onStage'];
}

export interface Paywall {
  /** What `weft.payment.v1.Payments` answers, for servers that mount it by hand. */
  readonly payments: PaymentsService;
  /** For servers that hand over raw bytes of the offered services; `mount` sets it. */
  readonly interceptor: ServerInterceptor;
  /** Puts the paywall in front of an app, and `weft.payment.v1.Payments` beside it: `startGrpcApp(paywall.mount({ module, definitions }))`. */
  mount(app: GrpcAppOptions): GrpcAppOptions;
  /** Ends background work and waits for charges under way. Ledger and chain stay open. */
  close(): Promise<void>;
}

/** Puts a price on gRPC services. Resolves once it knows what is in force, or that the chain does not answer. */
export async function createPaywall(options: PaywallOptions): Promise<Paywall> {
  const domain = { chainId: options.chainId, verifyingContract: options.escrow };
  const wall = new Wall({
    ...options,
    domain: { ...domain, separator: escrowDomain(domain) },
    limits: { ...defaultLimits, ...options.limits },
    onStage: options.onStage,
    onError: options.onError ?? (() => {}),
  });
  await wall.standing.start();
  const interceptor: ServerInterceptor = (method, call) => {
    const route = wall.routes.get(method.path);
    if (route === undefined) return new ServerInterceptingCall(call);
    return route.definition.responseStream ? new StreamCall(wall, route, call) : unaryCall(wall, route, call);
  };
  const payments = new PaymentsService(wall);
  return {
    interceptor,
    payments,
    mount(app) {
      const maxMessageBytes = app.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
      const { charges } = wall;
      charges.maxResponseBytes = Math.min(charges.maxResponseBytes, maxMessageBytes);
      return {
        ...app,
        maxMessageBytes,
        module: withPayments(app.module, payments),
        definitions: [...app.definitions, PaymentsDefinition],
        raw: [...(app.raw ?? []), ...options.offers.map(({ service }) => service)],
        interceptors: [interceptor, ...(app.interceptors ?? [])],
      };
    },
    async close() {
      wall.stop();
      await options.ledger.settled();
    },
  };
}
