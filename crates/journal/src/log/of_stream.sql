-- One stream as far as it is in the log.
select
    log.position, log.logged_at, log.organization_id, log.aggregate_type, log.aggregate_id, log.sequence, log.subject_id, log.row_hash,
    event.event_id, event.event_type, event.event_version, event.fingerprint, event.metadata_subject_id, event.recorded_at,
    event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata
from journal.log
left join journal.events as event using (aggregate_type, aggregate_id, sequence)
where log.aggregate_type = $1
  and log.aggregate_id = $2
  and log.sequence > $3
order by log.sequence
limit $4
