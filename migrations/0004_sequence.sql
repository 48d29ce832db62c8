-- How does the log grow? Only here, by whoever holds the lease in `journal.head`, one statement a batch.

-- Takes the lease if nobody holds it, by the database's clock; answers the new epoch, or null. From then on whatever an
-- earlier leader still sends finds another epoch and changes nothing, however late it wakes up.
create function journal.lead(my_name text, lease interval) returns bigint
language sql
begin atomic
    update journal.head
    set epoch = epoch + 1,
        holder = my_name,
        expires_at = clock_timestamp() + lease
    where expires_at < clock_timestamp()
        -- no lease is that long: the clock was set back
        or expires_at > clock_timestamp() + greatest(lease, interval '1 minute')
    returning epoch;
end;

-- Gives the next events in the queue their positions; without any, only moves the log's time on. Answers how many, and
-- where the log ends now; no row when the epoch isn't the present one.
--
-- Takes the lowest arrivals, but none of a command that also has higher ones: a command is logged at one instant. No
-- stream is inverted by that. Whoever wrote an event had seen the one before it in its stream, committed with its whole
-- command; so all of that command had arrived before, is seen by the one snapshot of the query, and is lower.
-- What a stopped leader's batch with an old snapshot would take a second time is gone by the time it has the lock, or
-- its epoch is.
create function journal.sequence_batch(my_epoch bigint, batch integer, lease interval)
returns table (taken_events bigint, head_position bigint, head_logged_at timestamptz)
language plpgsql
-- the queue's statistics are of another minute: joined by loops, a backlog would take for ever
set enable_nestloop = off
-- what is disabled counts as very dear, and what is dear is compiled: 300 ms for every batch
set jit = off
as $$
declare
    lowest_events bigint;
begin
    loop
        with fence as materialized (
            select position, greatest(clock_timestamp(), logged_at + interval '1 microsecond') as logged_at
            from journal.head
            where epoch = my_epoch
            for update),
        lowest as materialized (
            select ctid as place, arrival, command_id
            from journal.unsequenced
            where exists (select from fence)
            order by arrival
            limit batch),
        split as materialized (
            select distinct command_id
            from journal.unsequenced
            where arrival > (select max(arrival) from lowest)
              and command_id in (select command_id from lowest)),
        taken as (
            delete from journal.unsequenced
            where ctid = any (array(
                select place
                from lowest
                where command_id not in (select command_id from split)))
            returning arrival, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash),
        logged as (
            insert into journal.log
                (position, logged_at, arrival, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
            select fence.position + row_number() over (order by arrival), fence.logged_at, arrival, organization_id, aggregate_type,
                aggregate_id, sequence, subject_id, row_hash
            from taken, fence
            returning 1),
        counted as (
            select (select count(*) from logged) as logged, (select count(*) from lowest) as lowest)
        update journal.head
        set position = head.position + counted.logged,
            logged_at = fence.logged_at,
            expires_at = clock_timestamp() + lease
        from fence, counted
        where head.epoch = my_epoch
        returning counted.logged, head.position, head.logged_at, counted.lowest
        into taken_events, head_position, head_logged_at, lowest_events;

        if not found then
            return;
        end if;
        -- commands that are larger than the batch: it grows until one fits
        exit when taken_events > 0 or lowest_events < batch;
        batch := batch * 2;
    end loop;
    if taken_events > 0 then
        perform pg_notify('anamnesis_log', head_position::text);
    end if;
    return next;
end $$;

-- The log's last position at an instant, for ever the same; null while the log's time hasn't reached it. Both columns
-- only grow, so halving finds it in a few reads of the primary key.
create function journal.position_at(instant timestamptz) returns bigint
language plpgsql stable
as $$
declare
    low bigint := 0;
    high bigint;
    middle bigint;
    middle_logged_at timestamptz;
begin
    select position into high from journal.head where logged_at >= instant;
    if not found then
        return null;
    end if;
    while low < high loop
        middle := low + (high - low + 1) / 2;
        select logged_at into strict middle_logged_at from journal.log where position = middle;
        if middle_logged_at <= instant then
            low := middle;
        else
            high := middle - 1;
        end if;
    end loop;
    return low;
end $$;

revoke all on function journal.lead(text, interval), journal.sequence_batch(bigint, integer, interval), journal.position_at(timestamptz)
    from public;
grant execute on function journal.lead(text, interval), journal.sequence_batch(bigint, integer, interval) to anamnesis_writer;
grant execute on function journal.position_at(timestamptz) to anamnesis_writer, anamnesis_projector, anamnesis_auditor;
-- an auditor verifies the whole journal: what waits in the queue, and up to where tiles must be stored
grant select on journal.unsequenced, journal.checkpoints to anamnesis_auditor;
