-- Whole streams one after another, as the log had them at a position: each stream's events together and in order.
-- A page is found by the index of streams alone, before the events are joined to it: the caller forbids to sort.
with page as materialized (
    select position, logged_at, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
    from journal.log
    where aggregate_type = any($1)
      and (aggregate_id, sequence, aggregate_type) > ($2, $3, $4)
      and position <= $5
    order by aggregate_id, sequence, aggregate_type
    limit $6)
select
    page.position, page.logged_at, page.organization_id, page.aggregate_type, page.aggregate_id, page.sequence, page.subject_id, page.row_hash,
    event.event_id, event.event_type, event.event_version, event.fingerprint, event.metadata_subject_id, event.recorded_at,
    event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata
from page
left join journal.events as event using (aggregate_type, aggregate_id, sequence)
order by page.aggregate_id, page.sequence, page.aggregate_type
