-- What waits in the queue, beside the events themselves.
select
    queue.aggregate_type as queue_type,
    queue.aggregate_id as queue_id,
    queue.sequence as queue_sequence,
    (queue.arrival, queue.command_id, queue.organization_id, queue.subject_id, queue.row_hash)
        = (event.arrival, event.command_id, event.organization_id, event.subject_id, event.row_hash) as same,
    null::bigint as position, event.arrival, event.organization_id, event.aggregate_type, event.aggregate_id, event.sequence,
    event.event_id, event.event_type, event.event_version, event.fingerprint, event.subject_id, event.metadata_subject_id,
    event.recorded_at, event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata,
    event.row_hash
from journal.unsequenced as queue
left join journal.events as event using (aggregate_type, aggregate_id, sequence)
