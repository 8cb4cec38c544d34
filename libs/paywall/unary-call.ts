import { status as codes, Metadata, ServerInterceptingCall, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { asBuffer } from '#platform/as-buffer.js';
import { type Admission, type Attempt, type CallEnd, notCharged } from './attempt.js';
import { encodeAnswer } from './encode-answer.js';
import type { Route } from './offers.js';
import { type EndStatus, refusal, trailers } from './refusal.js';
import { withMeter } from './units.js';
import type { Wall } from './wall.js';

/** What grpc-js hands to `sendStatus`. */
type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/**
 * One unary call through the wall. `call` is the side towards the network: everything that ends a call early is sent
 * there, because the outer side loses a status that meets a message still being committed.
 */
export function unaryCall(wall: Wall, route: Route, call: ServerInterceptingCallInterface): ServerInterceptingCall {
  const { requestType } = route.definition;
  let metadata = new Metadata();
  let received = false;
  let handlerRuns = false;
  let halfClosed = false;
  let cancelled = false;
  let attempt: Attempt | undefined;
  let receipt: Uint8Array | undefined;
  let sendHeaders = () => {};

  const refuse = (error: unknown) => call.sendStatus(wall.refusal(route, error));

  const answer = (end: CallEnd) => {
    if ('status' in end) return call.sendStatus(end.status);
    call.sendMetadata(new Metadata());
    call.sendMessage(asBuffer(end.response), () =>
      call.sendStatus({ code: codes.OK, details: 'OK', metadata: trailers('charged', end.receipt) }),
    );
  };

  const giveUp = (error: unknown) => {
    const status = wall.refusal(route, notCharged(error));
    if (attempt !== undefined) wall.fail(attempt, status);
    call.sendStatus(status);
  };

  const begin = (admission: Admission, bytes: Buffer, pass: (message: unknown) => void) => {
    switch (admission.kind) {
      case 'join':
        void admission.attempt.ended.then(answer);
        return;
      case 'stored':
        wall.charges.stored(admission.verified, admission.row).then(answer, refuse);
        return;
      case 'free':
        break;
      case 'serve':
        attempt = admission.attempt;
        attempt.giveUp = giveUp;
        // While the wall was asking its ledger, the caller may have gone: then grpc-js calls no handler any more.
        if (cancelled) return wall.fail(attempt, neverBegan());
    }
    let message: unknown;
    try {
      message = requestType.decode(bytes);
    } catch {
      return giveUp(new WeftError('INVALID_INPUT', `the request is not a message of ${route.method}`));
    }
    handlerRuns = halfClosed;
    withMeter(attempt?.meter, () => pass(message));
  };

  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata(received, pass) {
          metadata = received;
          pass(received);
        },
        onReceiveMessage(bytes: Buffer, pass) {
          if (received) return pass(bytes); // grpc-js refuses a second message
          received = true;
          try {
            const admission = wall.admit(route, metadata, bytes);
            if (!(admission instanceof Promise)) return begin(admission, bytes, pass);
            admission.then((late) => begin(late, bytes, pass)).catch(refuse);
          } catch (error) {
            refuse(error);
          }
        },
        onReceiveHalfClose(pass) {
          halfClosed = true;
          handlerRuns = attempt !== undefined;
          withMeter(attempt?.meter, pass);
        },
        onCancel() {
          cancelled = true;
          // The handler goes on and is charged, the answer kept for a repeat. One that never began is let go.
          if (attempt !== undefined && !handlerRuns) wall.fail(attempt, neverBegan());
        },
      }),
    sendMetadata(headers, next) {
      sendHeaders = () => next(headers);
      if (attempt === undefined) sendHeaders();
    },
    sendMessage(message, next) {
      if (attempt !== undefined && attempt.phase !== 'serving') return;
      let bytes: Buffer;
      try {
        bytes = encodeAnswer(route, message);
      } catch (error) {
        return giveUp(error);
      }
      if (attempt === undefined) return next(bytes);
      void wall.commit(attempt, bytes).then((end) => {
        if ('status' in end) return call.sendStatus(end.status);
        receipt = end.receipt;
        sendHeaders();
        next(asBuffer(end.response));
      });
    },
    sendStatus(status, next) {
      if (attempt === undefined) return next(status);
      if (receipt !== undefined)
        return next({ ...status, metadata: trailers('charged', receipt, status.metadata ?? undefined) });
      if (attempt.phase === 'committing') return; // its commit decides how it ends
      // The handler failed, or grpc-js refused what came.
      const failed = withOutcome(status);
      wall.fail(attempt, failed);
      call.sendStatus(failed);
    },
  });
}

const withOutcome = (status: Status): EndStatus => ({
  code: status.code ?? codes.UNKNOWN,
  details: status.details ?? '',
  metadata: trailers('not-charged', undefined, status.metadata?.clone()),
});

/** For whoever sent the same call again and joined one whose own caller has gone. */
export const neverBegan = (): EndStatus =>
  refusal(new WeftError('CALL_IN_FLIGHT', 'the call was cancelled before it began; send it again'), {
    outcome: 'not-charged',
  });
