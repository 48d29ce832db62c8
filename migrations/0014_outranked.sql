-- Which definition of a projection is the newer one?
--
-- The one with the higher version. Tables that are read say which versions they outrank: their own and all that they have
-- taken over from, at an operator's word too. Whoever has no higher one leaves them alone, however often it is started.
-- What an installation has is outranked by whatever comes: nobody knows its version.

alter table if exists read.versions add column outranks integer not null default 0;
