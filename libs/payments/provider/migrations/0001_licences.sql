-- Licences that admitted a call here, each as the chain showed it last. The columns that charging needs are named as
-- those of a channel, and count calls instead of money; of licences that count none they stay 0.
CREATE TABLE provider.licence (
  id bytea PRIMARY KEY,
  asset numeric(20) NOT NULL,
  tenure bigint NOT NULL,
  -- A pass: its calls are counted, and claimed on chain.
  counted boolean NOT NULL,
  -- FROZEN: its count was signed and is final until the chain shows another signer, or the count's deadline passed.
  state text NOT NULL CHECK (state IN ('OPEN', 'FROZEN', 'ENDED')),
  signer bytea NOT NULL,
  signer_number integer NOT NULL,
  -- The highest count that the signer signed, and the whole Payment message; null until one was seen.
  authorised numeric(20) NOT NULL,
  voucher bytea,
  -- Calls that were served.
  spent numeric(20) NOT NULL,
  calls bigint NOT NULL DEFAULT 0,
  -- How far `spent` may go: the pass's calls while open, nowhere otherwise.
  ceiling numeric(20) NOT NULL,
  -- As last read from the chain.
  claimed numeric(20) NOT NULL,
  until_sec bigint,
  frozen_until_sec bigint,
  unclaimed_since_sec bigint,
  -- These two decide, whatever a replica believed when it admitted a call. They are checked in the order of their names.
  CONSTRAINT licence_ceiling CHECK (spent <= ceiling),
  CONSTRAINT licence_signed CHECK (spent <= authorised)
) WITH (fillfactor = 50);
