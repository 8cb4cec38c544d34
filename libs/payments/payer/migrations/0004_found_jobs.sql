-- Jobs that a new ledger found on chain have neither quote nor step, until their call is asked for again.
ALTER TABLE payer.job ALTER COLUMN quote DROP NOT NULL, ALTER COLUMN step DROP NOT NULL;
--> statement-breakpoint
ALTER TABLE payer.job ADD COLUMN asset numeric(20), ADD COLUMN tenure bigint;
--> statement-breakpoint
UPDATE payer.job SET asset = (pin ->> 'asset')::numeric, tenure = (pin ->> 'tenure')::bigint
  FROM payer.quote, jsonb_array_elements(quote.pins) pin
 WHERE quote.id = job.quote AND pin ->> 'step' = job.step;
--> statement-breakpoint
ALTER TABLE payer.job ALTER COLUMN asset SET NOT NULL, ALTER COLUMN tenure SET NOT NULL;
--> statement-breakpoint
-- Whether the chain was searched for what an earlier ledger of this payer left there.
ALTER TABLE payer.ledger ADD COLUMN searched boolean NOT NULL DEFAULT true;
--> statement-breakpoint
ALTER TABLE payer.ledger ALTER COLUMN searched SET DEFAULT false;
