-- What left the chain may be back: it is visited on. What was replaced by a newer listing never is.
UPDATE registry.listing old SET visited_at = 'infinity'
WHERE old.status = 'superseded' AND EXISTS (
  SELECT FROM registry.listing newer
  WHERE newer.asset = old.asset AND (newer.tenure, newer.version) > (old.tenure, old.version)
);
--> statement-breakpoint
DROP INDEX registry.listing_visited;
--> statement-breakpoint
CREATE INDEX listing_visited ON registry.listing (visited_at);
