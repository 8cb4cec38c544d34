-- Jobs that pay for one call each. Written before their money is asked for; what it names makes the job's id.
CREATE TABLE payer.job (
  call_id bytea PRIMARY KEY,
  id bytea NOT NULL UNIQUE,
  quote bytea NOT NULL,
  step text NOT NULL,
  listing bytea NOT NULL,
  method text NOT NULL,
  request_digest bytea NOT NULL,
  max_amount numeric(29) NOT NULL,
  commitment bytea NOT NULL,
  evaluator bytea NOT NULL,
  expires_at_sec bigint NOT NULL,
  review_sec bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('FUNDING', 'FUNDED', 'SUBMITTED', 'COMPLETED', 'REJECTED', 'EXPIRED')),
  -- UTC day on which its money was set aside.
  day integer NOT NULL,
  -- What went to the provider in the end.
  paid numeric(29) NOT NULL,
  -- The signed Receipt message.
  receipt bytea
) WITH (fillfactor = 50);
--> statement-breakpoint
CREATE INDEX job_open ON payer.job (quote) WHERE state IN ('FUNDING', 'FUNDED', 'SUBMITTED');
