ALTER TABLE provider.licence
  -- Of a refundable pass, as last read from the chain: what is not the seller's yet, and for how many calls it stands.
  ADD COLUMN unearned numeric(29) NOT NULL DEFAULT 0,
  ADD COLUMN calls_left numeric(20) NOT NULL DEFAULT 0;
