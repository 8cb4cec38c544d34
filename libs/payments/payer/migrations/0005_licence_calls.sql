-- Where the provider was last called with the licence: asked what became of calls, and where receipts are anchored.
ALTER TABLE payer.licence ADD COLUMN endpoints text[] NOT NULL DEFAULT '{}';
--> statement-breakpoint
ALTER TABLE payer.licence_call
  -- The Call message as it was signed; null for those signed before it was kept.
  ADD COLUMN call bytea,
  -- Of the signer whose count it stands in.
  ADD COLUMN signer_number integer NOT NULL DEFAULT 1,
  -- When it was signed last.
  ADD COLUMN signed_at_sec bigint NOT NULL DEFAULT 0,
  DROP CONSTRAINT licence_call_state_check,
  -- VOID: its provider signed that it is not charged and never will be.
  ADD CONSTRAINT licence_call_state CHECK (state IN ('RESERVED', 'SETTLED', 'RELEASED', 'VOID'));
--> statement-breakpoint
CREATE INDEX licence_call_by_id ON payer.licence_call (call_id);
--> statement-breakpoint
CREATE INDEX licence_call_open ON payer.licence_call (licence) WHERE state = 'RESERVED';
