-- Steps of jobs that paid for a call: one call each, whatever replicas do. The call's row has the job's id for a channel.
CREATE TABLE provider.job (
  id bytea NOT NULL,
  step integer NOT NULL,
  payer bytea NOT NULL,
  call_id bytea NOT NULL,
  asset numeric(20) NOT NULL,
  tenure bigint NOT NULL,
  -- What the step holds, as the chain said when the call was admitted.
  amount numeric(29) NOT NULL,
  -- Digest of the response: what is handed in.
  deliverable bytea NOT NULL,
  expires_at_sec bigint NOT NULL,
  review_sec bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('ANSWERED', 'SUBMITTED', 'PAID', 'UNPAID')),
  -- What went to Revenue for it.
  paid numeric(29) NOT NULL DEFAULT 0,
  CONSTRAINT job_pkey PRIMARY KEY (id, step)
);
--> statement-breakpoint
CREATE INDEX job_open ON provider.job (expires_at_sec) WHERE state IN ('ANSWERED', 'SUBMITTED');
--> statement-breakpoint
CREATE INDEX job_of_payer ON provider.job (payer);
