-- The entries directly after a position, each beside the head, so that one snapshot tells whether any is missing:
-- a log that ends before its head has lost its end. No entries: one row with the head alone.
select
    head.position as head_position,
    entry.*
from journal.head
left join lateral (
    select *
    from journal.entries
    where position > $1
    order by position
    limit $2) as entry on true
where head.only_one
order by entry.position
