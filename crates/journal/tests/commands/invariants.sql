-- What is broken in the journal? Nothing, ever; so no row.
with counted (what, broken) as (
    select 'streams with a gap', count(*)
    from (select 1 from journal.events group by aggregate_type, aggregate_id having max(sequence) <> count(*)) as gaps
    union all
    select 'events that are not in the queue as they are', count(*)
    from journal.events as e
    full join journal.unsequenced as q using (arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
    where e.event_id is null or q.arrival is null
    union all
    select 'streams whose order of arrival is another', count(*)
    from (select arrival < lag(arrival) over (partition by aggregate_type, aggregate_id order by sequence) as inverted from journal.events) as pairs
    where inverted
    union all
    select 'commands in several streams or with a hole', count(*)
    from (
        select 1
        from journal.events
        group by command_id, aggregate_type, aggregate_id
        having max(sequence) - min(sequence) + 1 <> count(*)) as torn
    union all
    select 'events without an accepted receipt', count(*)
    from (select distinct organization_id, actor_id, command_id from journal.events) as e
    left join journal.commands as c on (c.organization_id, c.account_id, c.command_id) = (e.organization_id, e.actor_id, e.command_id)
    where c.command_id is null or c.refusal is not null
    union all
    select 'refused commands with events', count(*)
    from journal.commands as c
    join journal.events as e on (c.organization_id, c.account_id, c.command_id) = (e.organization_id, e.actor_id, e.command_id)
    where c.refusal is not null
    union all
    select 'overlapping slots', count(*)
    from journal.slots as a
    join journal.slots as b on (a.organization_id, a.kind, a.resource_id) = (b.organization_id, b.kind, b.resource_id)
    where a.during && b.during and a.holder_id < b.holder_id
    union all
    select 'holders without one slot of each kind', count(*)
    from (select 1 from journal.slots group by holder_id having array_agg(kind order by kind) <> array['patient', 'provider']) as halves)
select what, broken
from counted
where broken > 0
