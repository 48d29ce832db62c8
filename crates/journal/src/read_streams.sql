-- Streams, by the number of their question: from the snapshot on ($3 null), or after an event.
-- Each is looked up by itself, so by its primary key, however many there are; none gives more than $4 events.
select wanted.number, row.*
from unnest($1::text[], $2::uuid[], $3::bigint[]) with ordinality as wanted (aggregate_type, aggregate_id, after, number)
    left join journal.snapshots as snapshot
        on wanted.after is null and (snapshot.aggregate_type, snapshot.aggregate_id) = (wanted.aggregate_type, wanted.aggregate_id)
    cross join lateral (
        select snapshot.organization_id, snapshot.sequence, snapshot.state_version, snapshot.state,
            null::uuid, null::text, null::bytea, null::uuid, null::uuid
        where snapshot.sequence is not null
        union all
        (select event.organization_id, event.sequence, event.event_version, event.payload,
            event.event_id, event.event_type, event.fingerprint, event.subject_id, event.command_id
        from journal.events as event
        where event.aggregate_type = wanted.aggregate_type and event.aggregate_id = wanted.aggregate_id
            and event.sequence > coalesce(wanted.after, snapshot.sequence, 0)
        order by event.sequence
        limit $4)
    ) as row (organization_id, sequence, version, sealed, event_id, event_type, fingerprint, subject_id, command_id)
order by wanted.number, row.sequence
