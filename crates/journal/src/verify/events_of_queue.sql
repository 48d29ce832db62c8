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
left join lateral (
    select
        arrival, organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint, subject_id,
        metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash
    from journal.events
    where aggregate_type = queue.aggregate_type
      and aggregate_id = queue.aggregate_id
      and sequence = queue.sequence
    -- each by its key, whatever the statistics say
    offset 0) as event on true
