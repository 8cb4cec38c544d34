import { Controller, type DynamicModule, Inject, type Type } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type * as proto from '#protos/weft/payment/v1/payment.js';
import { PaymentsService } from './payments-service.js';

const SERVICE = 'Payments';

@Controller()
class PaymentsController {
  constructor(@Inject(PaymentsService) private readonly payments: PaymentsService) {}

  @GrpcMethod(SERVICE, 'GetChannel')
  getChannel(request: proto.GetChannelRequest) {
    return this.payments.getChannel(request);
  }

  @GrpcMethod(SERVICE, 'GetCall')
  getCall(request: proto.GetCallRequest) {
    return this.payments.getCall(request);
  }

  @GrpcMethod(SERVICE, 'GetProof')
  getProof(request: proto.GetProofRequest) {
    return this.payments.getProof(request);
  }

  @GrpcMethod(SERVICE, 'Void')
  void(request: proto.VoidRequest) {
    return this.payments.void(request);
  }

  @GrpcMethod(SERVICE, 'Extend')
  extend(request: proto.ExtendRequest) {
    return this.payments.extend(request);
  }

  @GrpcMethod(SERVICE, 'ListReceipts')
  listReceipts(request: proto.ListReceiptsRequest) {
    return this.payments.listReceipts(request);
  }

  @GrpcMethod(SERVICE, 'Reconcile')
  reconcile(request: proto.ReconcileRequest) {
    return this.payments.reconcile(request);
  }

  @GrpcMethod(SERVICE, 'Close')
  close(request: proto.CloseRequest) {
    return this.payments.close(request);
  }

  @GrpcMethod(SERVICE, 'CountUses')
  countUses(request: proto.CountUsesRequest) {
    return this.payments.countUses(request);
  }
}

class PaymentsModule {}

/** A module with `app` and the payments service in it. */
export const withPayments = (app: Type | object, payments: PaymentsService): DynamicModule => ({
  module: PaymentsModule,
  imports: [app as Type],
  controllers: [PaymentsController],
  providers: [{ provide: PaymentsService, useValue: payments }],
});
