-- The events after one, by stream, and where the log or the queue has them. One snapshot, so an event that is being
-- sequenced is in one of the two. What one of them has twice comes twice.
with event as (
    select aggregate_type, aggregate_id, sequence
    from journal.events
    where (aggregate_type, aggregate_id, sequence) > ($1, $2, $3)
    order by aggregate_type, aggregate_id, sequence
    limit $4)
select
    aggregate_type, aggregate_id, sequence,
    log.position,
    queue.arrival is not null as queued
from event
left join lateral (
    select position
    from journal.log
    where log.aggregate_id = event.aggregate_id
      and log.sequence = event.sequence
      and log.aggregate_type = event.aggregate_type
    -- so that it is looked up in its index, and not read as a whole for each chunk
    offset 0) as log on true
left join journal.unsequenced as queue using (aggregate_type, aggregate_id, sequence)
order by aggregate_type, aggregate_id, sequence, log.position
