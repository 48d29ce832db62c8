-- The events of a part of the log, whole.
select
    log.position, event.arrival, event.organization_id, event.aggregate_type, event.aggregate_id, event.sequence, event.event_id,
    event.event_type, event.event_version, event.fingerprint, event.subject_id, event.metadata_subject_id, event.recorded_at,
    event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata, event.row_hash
from journal.log
join journal.events as event using (aggregate_type, aggregate_id, sequence)
where log.position > $1
  and log.position <= $2
order by log.position
