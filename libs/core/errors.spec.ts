import { fromGrpcStatus, toFailure, toGrpcStatus, toHttpError, WeftError } from './errors.js';
import { type Reason, reasons } from './reasons.js';
import { statuses } from './status.js';

const everyReason = Object.keys(reasons) as Reason[];

describe('WeftError', () => {
  it.each(everyReason)('keeps reason %s across gRPC', (reason) => {
    const error = new WeftError(reason, 'text', { field: 'x' });
    const back = fromGrpcStatus(toGrpcStatus(error));
    expect(back).toMatchObject({ reason, message: 'text', details: { field: 'x' }, code: reasons[reason].code });
  });

  it.each(everyReason)('gives reason %s an HTTP status of an error and a Temporal type', (reason) => {
    const error = new WeftError(reason, 'text');
    expect(toHttpError(error).status).toBeGreaterThanOrEqual(400);
    expect(toFailure(error)).toMatchObject({ type: reason, nonRetryable: !reasons[reason].retryable });
  });

  it.each(Object.entries(statuses).filter(([name]) => name !== 'OK'))(
    'reads a bare status %s without a reason',
    (name, { grpc }) => {
      const error = fromGrpcStatus({ code: grpc, message: 'm' });
      expect(error.details['status']).toBe(name);
      expect(error.retryable).toBe(
        ['UNAVAILABLE', 'ABORTED', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED'].includes(name),
      );
    },
  );

  it('does not take a foreign reason for one of ours, whatever its name', () => {
    expect(fromGrpcStatus({ code: 14, message: 'm', reason: 'constructor' })).toMatchObject({
      reason: 'SERVICE_UNAVAILABLE',
    });
  });

  it('shows nothing of an unknown error', () => {
    expect(WeftError.from(new Error('password=1'))).toMatchObject({
      reason: 'INTERNAL',
      message: expect.not.stringContaining('password'),
    });
  });
});
