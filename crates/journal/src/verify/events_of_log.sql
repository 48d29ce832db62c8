-- The events of a part of the log, whole.
select
    log.position, event.arrival, event.organization_id, event.aggregate_type, event.aggregate_id, event.sequence, event.event_id,
    event.event_type, event.event_version, event.fingerprint, event.subject_id, event.metadata_subject_id, event.recorded_at,
    event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata, event.row_hash
from journal.log
cross join lateral (
    select
        arrival, organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint, subject_id,
        metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash
    from journal.events
    where aggregate_type = log.aggregate_type
      and aggregate_id = log.aggregate_id
      and sequence = log.sequence
    -- each by its key, whatever the statistics say
    offset 0) as event
where log.position > $1
  and log.position <= $2
order by log.position
