-- The block up to which the chain was searched for what this ledger does not know: left there by an earlier ledger of
-- this payer, or by this one after the copy was made from which it was restored. Null: nothing was searched.
ALTER TABLE payer.ledger DROP COLUMN searched, ADD COLUMN searched_to_block bigint;
