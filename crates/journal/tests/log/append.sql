with written as (
    insert into journal.events
        (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint, subject_id,
         metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id, payload, metadata, row_hash)
    select organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint, subject_id,
           metadata_subject_id, recorded_at, command_id, command_id, causation_id, subject_id, payload, metadata, row_hash
    from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[], $6::text[], $7::int[], $8::bytea[], $9::uuid[],
                $10::uuid[], $11::timestamptz[], $12::uuid[], $13::uuid[], $14::bytea[], $15::bytea[], $16::bytea[])
        with ordinality as event (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint,
            subject_id, metadata_subject_id, recorded_at, command_id, causation_id, payload, metadata, row_hash, ordinal)
    order by ordinal
    returning arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
insert into journal.unsequenced (arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
select arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
from written
