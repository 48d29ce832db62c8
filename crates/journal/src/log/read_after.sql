-- The entries directly after a position, each beside the head, so that one snapshot tells whether any is missing:
-- a log that ends before its head has lost its end. No entries: one row with the head alone.
--
-- The columns are those of `journal.entries`. That view isn't used, because the planner would remember every event that it
-- has found, in case it is asked for again; that no position comes twice, it can't overlook here.
select
    head.position as head_position,
    entry.*
from journal.head
left join lateral (
    select
        log.position, log.logged_at, log.organization_id, log.aggregate_type, log.aggregate_id, log.sequence, log.subject_id, log.row_hash,
        event.event_id, event.event_type, event.event_version, event.fingerprint, event.metadata_subject_id, event.recorded_at,
        event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata
    from journal.log
    left join lateral (
        select
            event_id, event_type, event_version, fingerprint, metadata_subject_id, recorded_at,
            command_id, correlation_id, causation_id, actor_id, payload, metadata
        from journal.events
        where aggregate_type = log.aggregate_type
          and aggregate_id = log.aggregate_id
          and sequence = log.sequence
          and log.position > $1
        -- each by its key, whatever the statistics say
        offset 0) as event on true
    where log.position > $1
    order by log.position
    limit $2) as entry on true
where head.only_one
order by entry.position
