-- The quote under which it was signed: what an open quote pinned of a pass and has not called yet is set aside for it.
ALTER TABLE payer.licence_call ADD COLUMN quote bytea;
--> statement-breakpoint
CREATE INDEX licence_call_of_quote ON payer.licence_call (quote) WHERE quote IS NOT NULL;
