CREATE SCHEMA IF NOT EXISTS registry;
--> statement-breakpoint
CREATE TABLE registry.contract (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),
  service text NOT NULL,
  -- What the name looks like: equal for names that a reader takes for each other.
  skeleton text NOT NULL,
  -- As published: a serialized FileDescriptorSet.
  files bytea NOT NULL,
  recorded_at_sec bigint NOT NULL
);
--> statement-breakpoint
CREATE INDEX contract_skeleton ON registry.contract (skeleton);
--> statement-breakpoint
CREATE TABLE registry.listing (
  -- Counts up as listings are recorded; pages go by it.
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
  asset bigint NOT NULL,
  tenure bigint NOT NULL,
  version integer NOT NULL,
  contract_digest bytea NOT NULL REFERENCES registry.contract (digest),
  service text NOT NULL,
  -- As published: a serialized SignedListing.
  signed bytea NOT NULL,
  title text NOT NULL,
  summary text NOT NULL,
  tags text[] NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'superseded', 'deprecated')),
  is_serving boolean NOT NULL,
  recorded_at_sec bigint NOT NULL,
  -- When its endpoints and its standing on chain were looked at last.
  visited_at timestamptz NOT NULL DEFAULT now(),
  -- Names as people type them, for near misses.
  names text NOT NULL,
  search tsvector NOT NULL
);
--> statement-breakpoint
CREATE INDEX listing_asset ON registry.listing (asset, tenure, version);
--> statement-breakpoint
CREATE INDEX listing_search ON registry.listing USING gin (search) WHERE status = 'active';
--> statement-breakpoint
CREATE INDEX listing_service ON registry.listing (service, id DESC);
--> statement-breakpoint
CREATE INDEX listing_contract ON registry.listing (contract_digest, id DESC);
--> statement-breakpoint
CREATE INDEX listing_visited ON registry.listing (visited_at) WHERE status <> 'superseded';
--> statement-breakpoint
-- Every change of a listing, as watchers are told of it. The sequence has no gaps and grows in the order of commits:
-- it is counted under a lock.
CREATE TABLE registry.change (
  seq bigint PRIMARY KEY,
  listing_id bigint NOT NULL REFERENCES registry.listing (id),
  status text NOT NULL,
  is_serving boolean NOT NULL
);
--> statement-breakpoint
-- Finds near misses of words. Searching works without it, where the database may not have extensions.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX listing_names ON registry.listing USING gin (names gin_trgm_ops) WHERE status = 'active';
EXCEPTION WHEN OTHERS THEN
  RAISE NOTICE 'searching without pg_trgm: %', SQLERRM;
END
$$;
