-- Nothing asks for the calls of a quote by this index, and every call paid for it.
DROP INDEX payer.call_of_quote;
