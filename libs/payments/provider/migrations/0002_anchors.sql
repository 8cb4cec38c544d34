-- What was, or is to be, anchored: durable before its transaction is made, so that no receipt is forgotten or anchored twice.
CREATE TABLE provider.epoch (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  asset numeric(20) NOT NULL,
  tenure bigint NOT NULL,
  -- Its place on chain.
  number numeric(20) NOT NULL,
  root bytea NOT NULL,
  receipts bigint NOT NULL,
  amount numeric(29) NOT NULL,
  -- The chain's time, once it was seen there.
  anchored_at_sec bigint,
  UNIQUE (asset, tenure, number)
);
--> statement-breakpoint
-- The receipts of an epoch, from which its root can be made anew. A receipt has one place.
CREATE TABLE provider.anchored (
  payer bytea NOT NULL,
  call_id bytea NOT NULL,
  channel bytea NOT NULL,
  epoch bigint NOT NULL REFERENCES provider.epoch,
  -- Of the leaf in its tree.
  place integer NOT NULL,
  receipt_digest bytea NOT NULL,
  amount numeric(29) NOT NULL,
  -- For statements, since the call itself is dropped some day.
  units numeric(20) NOT NULL,
  served_at_sec bigint NOT NULL,
  -- One after the other, 32 bytes each.
  siblings bytea NOT NULL,
  PRIMARY KEY (payer, call_id)
);
--> statement-breakpoint
CREATE UNIQUE INDEX anchored_in_epoch ON provider.anchored (epoch, place);
--> statement-breakpoint
ALTER TABLE provider.call ADD COLUMN epoch bigint;
--> statement-breakpoint
CREATE INDEX call_to_anchor ON provider.call (channel) WHERE epoch IS NULL AND state = 'CHARGED';
