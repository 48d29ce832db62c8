-- Whole streams one after another, as the log had them at a position: each stream's events together and in order.
select
    log.position, log.logged_at, log.organization_id, log.aggregate_type, log.aggregate_id, log.sequence, log.subject_id, log.row_hash,
    event.event_id, event.event_type, event.event_version, event.fingerprint, event.metadata_subject_id, event.recorded_at,
    event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata
from journal.log
left join journal.events as event using (aggregate_type, aggregate_id, sequence)
where log.aggregate_type = any($1)
  and (log.aggregate_id, log.sequence, log.aggregate_type) > ($2, $3, $4)
  and log.position <= $5
order by log.aggregate_id, log.sequence, log.aggregate_type
limit $6
