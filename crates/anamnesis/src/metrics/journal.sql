-- How far are the log, what is proved of it, and its copy in Kafka? One snapshot, so that what is counted is what is compared.
-- The tree can't have a hole: what it has is dense. Only what came after it is counted, which is what came in the last second.
select head.position,
       head.epoch,
       head.expires_at > clock_timestamp() as is_led,
       tree.size as dense,
       greatest(head.position - tree.size, 0) - (
           select count(*) from journal.log where position > tree.size and position <= head.position) as missing,
       publisher.position as published,
       publisher.epoch as publication_epoch,
       publisher.expires_at > clock_timestamp() as is_published,
       proved.up_to as verified,
       compared.findings
from journal.head
cross join journal.publisher
cross join lateral (select coalesce((select size from journal.tree_heads order by size desc limit 1), 0) as size) as tree
left join journal.publication_check as compared on true
left join lateral (
    select substring(note from 'up to ([0-9]+)')::bigint as up_to
    from journal.publication_statements
    order by number desc
    limit 1) as proved on true
