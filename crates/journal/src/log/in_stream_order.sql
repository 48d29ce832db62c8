-- Whole streams one after another, as the log had them at a position: each stream's events together and in order.
-- A page is found by the index of streams alone, its events by their key, in that order: nothing is sorted.
select *
from (
    select
        log.position, log.logged_at, log.organization_id, log.aggregate_type, log.aggregate_id, log.sequence, log.subject_id, log.row_hash,
        event.event_id, event.event_type, event.event_version, event.fingerprint, event.metadata_subject_id, event.recorded_at,
        event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata,
        sum(octet_length(event.payload)) over (
            order by log.aggregate_id, log.sequence, log.aggregate_type
            rows between unbounded preceding and 1 preceding) as bytes_before
    from (
        select position, logged_at, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
        from journal.log
        where aggregate_type = any($1)
          and (aggregate_id, sequence, aggregate_type) > ($2, $3, $4)
          and position <= $5
        order by aggregate_id, sequence, aggregate_type
        limit $6) as log
    left join lateral (
        select
            event_id, event_type, event_version, fingerprint, metadata_subject_id, recorded_at,
            command_id, correlation_id, causation_id, actor_id, payload, metadata
        from journal.events
        where aggregate_type = log.aggregate_type
          and aggregate_id = log.aggregate_id
          and sequence = log.sequence
        -- each by its key, whatever the statistics say
        offset 0) as event on true) as page
-- the first always, however long it is
where coalesce(bytes_before, 0) < $7
order by aggregate_id, sequence, aggregate_type
