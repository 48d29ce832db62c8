-- What stands at some positions.
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
    -- each by its key, whatever the statistics say
    offset 0) as event on true
where log.position = any($1)
order by log.position
