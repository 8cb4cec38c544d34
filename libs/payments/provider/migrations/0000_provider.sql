CREATE SCHEMA IF NOT EXISTS provider;
--> statement-breakpoint
-- Which chain and escrow the ledger belongs to, and since when: a channel opened earlier may have a past it lost.
CREATE TABLE provider.ledger (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  chain_id numeric(20) NOT NULL,
  escrow bytea NOT NULL,
  born_at_block bigint NOT NULL,
  born_at_sec bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE provider.channel (
  id bytea PRIMARY KEY,
  payer bytea NOT NULL,
  signer bytea NOT NULL,
  asset numeric(20) NOT NULL,
  tenure bigint NOT NULL,
  salt numeric(20) NOT NULL,
  state text NOT NULL CHECK (state IN ('OPEN', 'RECONCILE', 'FROZEN', 'CLOSED')),
  -- The highest voucher: its amount, and the whole Payment message; null until one was seen.
  authorised numeric(29) NOT NULL,
  voucher bytea,
  -- Sum of what was served and charged.
  spent numeric(29) NOT NULL,
  calls bigint NOT NULL DEFAULT 0,
  -- How far `spent` may go: the deposit while open, nowhere otherwise.
  ceiling numeric(29) NOT NULL,
  -- As last read from the chain.
  deposited numeric(29) NOT NULL,
  claimed numeric(29) NOT NULL,
  expires_at_sec bigint NOT NULL,
  -- When the oldest unclaimed money was earned; null when everything is claimed.
  unclaimed_since_sec bigint,
  -- These two decide, whatever a replica believed when it admitted a call.
  CONSTRAINT channel_spent_authorised CHECK (spent <= authorised),
  CONSTRAINT channel_spent_ceiling CHECK (spent <= ceiling)
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE TABLE provider.call (
  payer bytea NOT NULL,
  call_id bytea NOT NULL,
  channel bytea NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  state text NOT NULL CHECK (state IN ('CHARGED', 'VOID')),
  -- Hash of the Call; null for VOID.
  commitment bytea,
  -- The signed Receipt or Void message.
  proof bytea NOT NULL,
  amount numeric(29) NOT NULL DEFAULT 0,
  -- The response, or the digest of the file that holds it; both null once it is past its time, and for streams.
  response bytea,
  body bytea,
  at_sec bigint NOT NULL,
  -- A stream that still runs: the process that may add to it, and until when nobody else may end it.
  owner uuid,
  owned_until timestamptz,
  -- How many windows of a stream were committed.
  windows integer NOT NULL DEFAULT 0,
  PRIMARY KEY (payer, call_id)
);
--> statement-breakpoint
CREATE INDEX call_of_channel ON provider.call (channel, seq);
--> statement-breakpoint
CREATE INDEX call_by_time ON provider.call USING brin (at_sec);
--> statement-breakpoint
-- What a stream sent: its messages in windows, each committed before it was sent.
CREATE TABLE provider.stream_window (
  payer bytea NOT NULL,
  call_id bytea NOT NULL,
  n integer NOT NULL,
  -- Each message after its 4-byte length; in a file if large.
  messages bytea,
  body bytea,
  PRIMARY KEY (payer, call_id, n)
);
