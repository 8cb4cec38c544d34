import type { Client } from '@grpc/grpc-js';
import { WeftError } from '#core/errors.js';
import { type ChannelTerms, PaymentsDefinition } from '#protos/weft/payment/v1/payment.js';
import { ChannelPool } from '../rpc/channel-pool.js';
import { connect } from '../rpc/connect.js';
import { type TypedClient, typedClient } from '../rpc/typed-client.js';
import type { SigningKey } from '../signature.js';
import {
  type Close,
  type Count,
  type Domain,
  escrowDomain,
  hashClose,
  hashStatement,
  hashVoid,
  type Receipt,
  type Statement,
  signingHash,
  type Void,
} from '../typed-data.js';
import {
  type Payment,
  readClose,
  readCount,
  readPayment,
  readReceipt,
  readStatement,
  readVoid,
  type Signed,
  writeClose,
  writeCount,
  writePayment,
  writeReceipt,
  writeStatement,
  writeTerms,
  writeVoid,
} from '../wire.js';
import type { ChannelKeys } from './channel-keys.js';
import type { ChannelEntry } from './ledger/ledger-state.js';
import { readPlace } from './receipt-place.js';
import type { ReceiptPlace } from './wallet.js';

export interface ProviderPaymentsOptions {
  readonly domain: Domain;
  readonly keys: ChannelKeys;
  readonly nowSec: () => number;
  /** Decides whether and to which address an endpoint is connected. */
  readonly open?: (endpoint: string) => Client | Promise<Client>;
  /** For each question. */
  readonly deadlineMs: number;
}

type Provider = TypedClient<typeof PaymentsDefinition>;
type VoidAnswer = { readonly receipt: Signed<Receipt> } | { readonly void: Signed<Void> };

/** Whose provider is asked, and where. */
interface Asked {
  readonly endpoints: readonly string[];
  readonly terms: { readonly asset: bigint };
}

/** A channel or licence, with the key that signs for it. */
interface AskedAccount extends Asked {
  readonly id: Uint8Array;
  readonly key: SigningKey;
}

/**
 * Asks providers about channels and licences (`weft.payment.v1.Payments`), proving to be their signer. Errors are the
 * provider's own, or SERVICE_UNAVAILABLE; nothing it answers is believed before its signature is checked.
 */
export class ProviderPayments {
  readonly #separator: Buffer;
  readonly #channels: ChannelPool;
  #ended = false;

  constructor(private readonly options: ProviderPaymentsOptions) {
    this.#separator = escrowDomain(options.domain);
    this.#channels = new ChannelPool(options.open ?? connect);
  }

  async channel(channel: ChannelEntry): Promise<{ statement: Signed<Statement>; highest: Payment | undefined }> {
    return await this.#ask(channel, async (provider) => {
      const answer = await provider.getChannel({ terms: writeTerms(channel.terms), proof: this.#proof(channel) });
      return {
        statement: readStatement(answer.statement),
        highest: answer.highest === undefined ? undefined : readPayment(answer.highest),
      };
    });
  }

  /** Where a charged call's receipt is anchored. */
  async place(channel: ChannelEntry, callId: Uint8Array): Promise<ReceiptPlace> {
    return await this.#ask(channel, async (provider) =>
      readPlace(await provider.getProof({ terms: writeTerms(channel.terms), callId, proof: this.#proof(channel) })),
    );
  }

  /** The same of a call that a licence or a job paid: its receipt says enough. */
  async placeOf(receipt: Signed<Receipt>, endpoints: readonly string[]): Promise<ReceiptPlace> {
    return await this.#ask({ endpoints, terms: receipt }, async (provider) =>
      readPlace(await provider.getProof({ receipt: writeReceipt(receipt) })),
    );
  }

  /** The receipt if the call was charged, else a Void. */
  async void(channel: ChannelEntry, callId: Uint8Array): Promise<VoidAnswer> {
    const { id, endpoints, terms } = channel;
    return await this.#void({ id, endpoints, terms, key: this.options.keys.key(terms) }, callId, writeTerms(terms));
  }

  /** The same of a call with a licence. */
  async voidUse(licence: AskedAccount, callId: Uint8Array): Promise<VoidAnswer> {
    return await this.#void(licence, callId, undefined);
  }

  /** Receipts of a channel, oldest first. */
  async *receipts(channel: ChannelEntry): AsyncGenerator<Signed<Receipt>> {
    for (let [pageToken, pages] = ['', 0]; pages < MOST_PAGES; pages++) {
      const page = await this.#ask(channel, (provider) =>
        provider.listReceipts({
          terms: writeTerms(channel.terms),
          proof: this.#proof(channel),
          pageSize: 500,
          pageToken,
        }),
      );
      for (const receipt of page.receipts) yield readReceipt(receipt);
      if (page.receipts.length === 0 || page.nextPageToken === '' || page.nextPageToken === pageToken) return;
      pageToken = page.nextPageToken;
    }
  }

  async reconcile(
    channel: ChannelEntry,
    receipts: readonly Signed<Receipt>[],
    last: { complete: boolean; highest: Payment | undefined },
  ): Promise<void> {
    await this.#ask(channel, (provider) =>
      provider.reconcile({
        terms: writeTerms(channel.terms),
        receipts: receipts.map(writeReceipt),
        complete: last.complete,
        proof: this.#proof(channel),
        ...(last.highest && { highest: writePayment(last.highest) }),
      }),
    );
  }

  /** Asks for agreement that `spent` is final. */
  async close(channel: ChannelEntry, spent: bigint, deadlineSec: number): Promise<Signed<Close>> {
    const request = { channelId: channel.id, spent, deadlineSec };
    const signature = this.#sign(channel, hashClose(request));
    return await this.#ask(channel, async (provider) => {
      const answer = await provider.close({
        terms: writeTerms(channel.terms),
        request: writeClose({ ...request, signature }),
      });
      return readClose(answer.close);
    });
  }

  /** Asks how often a pass was used; `wish` is signed by its signer. The answer's signature the chain checks. */
  async count(
    { endpoints, asset }: { readonly endpoints: readonly string[]; readonly asset: bigint },
    wish: Signed<Count>,
  ): Promise<Signed<Count>> {
    return await this.#ask({ endpoints, terms: { asset } }, async (provider) =>
      readCount((await provider.countUses({ request: writeCount(wish) })).count),
    );
  }

  /** Nobody is asked any more, by whoever asks page after page either. */
  end(): void {
    this.#ended = true;
    this.#channels.close();
  }

  async #void(asked: AskedAccount, callId: Uint8Array, terms: ChannelTerms | undefined): Promise<VoidAnswer> {
    const request = { callId, account: asked.id, atSec: this.options.nowSec() };
    const signature = asked.key.sign(signingHash(this.#separator, hashVoid(request)));
    return await this.#ask(asked, async (provider) => {
      const answer = await provider.void({ request: writeVoid({ ...request, signature }), ...(terms && { terms }) });
      return answer.receipt === undefined ? { void: readVoid(answer.void) } : { receipt: readReceipt(answer.receipt) };
    });
  }

  /** Tries the endpoints in turn; any answer counts, also a refusal. */
  async #ask<T>(channel: Asked, question: (provider: Provider) => Promise<T>): Promise<T> {
    let last: unknown = new WeftError('SERVICE_UNAVAILABLE', `no endpoint of asset ${channel.terms.asset} is known`, {
      asset: String(channel.terms.asset),
    });
    for (const endpoint of channel.endpoints) {
      if (this.#ended) throw new WeftError('WALLET_UNAVAILABLE', 'this wallet has been closed');
      try {
        const client = await this.#channels.client(endpoint);
        return await question(typedClient(PaymentsDefinition, client, { deadlineMs: this.options.deadlineMs }));
      } catch (error) {
        last = error;
        if (!(error instanceof WeftError) || !unreachable.has(error.reason)) throw error;
      }
    }
    throw last;
  }

  #proof(channel: ChannelEntry) {
    const statement = {
      channelId: channel.id,
      authorised: 0n,
      spent: 0n,
      calls: 0n,
      atSec: this.options.nowSec(),
    };
    return writeStatement({ ...statement, signature: this.#sign(channel, hashStatement(statement)) });
  }

  #sign(channel: ChannelEntry, hash: Uint8Array): Buffer {
    return this.options.keys.key(channel.terms).sign(signingHash(this.#separator, hash));
  }
}

/** Five million receipts: more than a channel has whose provider means to come to an end. */
const MOST_PAGES = 10_000;

const unreachable: ReadonlySet<string> = new Set([
  'SERVICE_UNAVAILABLE',
  'DEADLINE',
  'ENDPOINT_REFUSED',
  'ENDPOINT_UNREACHABLE',
]);
