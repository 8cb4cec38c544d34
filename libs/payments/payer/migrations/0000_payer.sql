CREATE SCHEMA IF NOT EXISTS payer;
--> statement-breakpoint
-- Whose ledger this is. `epoch` counts its writers, one after the other: a writer that finds another number was replaced.
CREATE TABLE payer.ledger (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  payer bytea NOT NULL,
  chain_id numeric(20) NOT NULL,
  escrow bytea NOT NULL,
  epoch bigint NOT NULL DEFAULT 0
);
--> statement-breakpoint
CREATE TABLE payer.channel (
  id bytea PRIMARY KEY,
  signer bytea NOT NULL,
  asset numeric(20) NOT NULL,
  tenure bigint NOT NULL,
  salt numeric(20) NOT NULL,
  status text NOT NULL CHECK (status IN ('opening', 'open', 'closing', 'closed')),
  -- Confirmed on chain.
  deposited numeric(29) NOT NULL,
  claimed numeric(29) NOT NULL,
  expires_at_sec bigint NOT NULL,
  signed numeric(29) NOT NULL,
  settled numeric(29) NOT NULL,
  -- No voucher above this has left: what `signed` becomes after a crash.
  ceiling numeric(29) NOT NULL,
  -- [{quote, day, amount}]: signed, not charged, and by whom.
  loose jsonb NOT NULL,
  -- Found on chain after the ledger was lost, and its provider not asked yet.
  imported boolean NOT NULL,
  operators jsonb NOT NULL,
  endpoints jsonb NOT NULL
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE payer.quote (
  id bytea PRIMARY KEY,
  -- As asked for, with each pin's channel and what was settled on it.
  pins jsonb NOT NULL,
  max_total numeric(29) NOT NULL,
  expires_at_sec bigint NOT NULL,
  signature bytea NOT NULL,
  token text,
  closed boolean NOT NULL,
  settled numeric NOT NULL
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE INDEX quote_open ON payer.quote (id) WHERE NOT closed;
--> statement-breakpoint
CREATE TABLE payer.call (
  id bytea PRIMARY KEY,
  channel bytea NOT NULL,
  -- Null, like step: a charge that only the provider remembered.
  quote bytea,
  step text,
  listing bytea NOT NULL,
  method text NOT NULL,
  request_digest bytea NOT NULL,
  max_amount numeric(29) NOT NULL,
  commitment bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('RESERVED', 'DOUBT', 'SETTLED', 'RELEASED', 'VOID', 'DISPUTED')),
  cumulative numeric(29) NOT NULL,
  day integer NOT NULL,
  last_attempt_sec bigint NOT NULL,
  -- The signed Receipt message.
  receipt bytea
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE INDEX call_held ON payer.call (channel) WHERE state IN ('RESERVED', 'DOUBT', 'DISPUTED');
--> statement-breakpoint
CREATE INDEX call_of_quote ON payer.call (quote);
--> statement-breakpoint
CREATE INDEX call_charged ON payer.call (channel) WHERE receipt IS NOT NULL;
--> statement-breakpoint
-- Programs that may ask. The secret itself is not kept.
CREATE TABLE payer.token (
  name text PRIMARY KEY,
  hash bytea NOT NULL UNIQUE,
  scope text NOT NULL CHECK (scope IN ('READ', 'SPEND', 'ADMIN')),
  total numeric(29),
  per_call numeric(29),
  per_day numeric(29),
  expires_at_sec bigint,
  revoked boolean NOT NULL,
  settled numeric NOT NULL,
  day integer NOT NULL,
  day_spent numeric NOT NULL
);
--> statement-breakpoint
-- Assets whose receipts did not verify: nothing is paid to them any more.
CREATE TABLE payer.barred (
  asset numeric(20) PRIMARY KEY,
  why text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
