-- Licences that this wallet bought; their signers' keys are made from its seed, the id and the signer's number.
CREATE TABLE payer.licence (
  id bytea PRIMARY KEY,
  offer_id bytea NOT NULL,
  -- How the present signer's count stands: the chain's count when it was named, calls it signed that were or may be
  -- served, and the highest count it signed. 0 for all but passes.
  signer_number integer NOT NULL DEFAULT 1,
  base numeric(20) NOT NULL DEFAULT 0,
  counted numeric(20) NOT NULL DEFAULT 0,
  signed numeric(20) NOT NULL DEFAULT 0
);
--> statement-breakpoint
CREATE TABLE payer.licence_call (
  licence bytea NOT NULL,
  call_id bytea NOT NULL,
  commitment bytea NOT NULL,
  state text NOT NULL CHECK (state IN ('RESERVED', 'SETTLED', 'RELEASED')),
  -- The signed Receipt message.
  receipt bytea,
  PRIMARY KEY (licence, call_id)
);
