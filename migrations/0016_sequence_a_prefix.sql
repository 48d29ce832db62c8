-- Does a stream stay in its order when two commands have the same id?
--
-- They may: of two accounts, each with a key of its own choosing (`Idempotency-Key`). `0004` took the lowest arrivals without
-- those of commands that also have higher ones, and told commands apart by their id alone. So of two commands the second could
-- be left behind because of somebody else's namesake, while what came after it in its stream was taken.

-- Gives the next events in the queue their positions; without any, only moves the log's time on. Answers how many, and
-- where the log ends now; no row when the epoch isn't the present one.
--
-- Takes the lowest arrivals up to where no command is cut, for a command is logged at one instant. Nothing is left out
-- between: whoever wrote an event had seen the one before it in its stream, committed, and so with a lower arrival that the one
-- snapshot of the query sees as well. Whatever is taken for one command, right or wrong, no stream is inverted.
-- What a stopped leader's batch with an old snapshot would take a second time is gone by the time it has the lock, or
-- its epoch is.
create or replace function journal.sequence_batch(my_epoch bigint, batch integer, lease interval)
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
            select ctid as place, arrival, organization_id, command_id
            from journal.unsequenced
            where exists (select from fence)
            order by arrival
            limit batch),
        -- commands that end further on
        split as materialized (
            select distinct organization_id, command_id
            from journal.unsequenced
            where arrival > (select max(arrival) from lowest)
              and (organization_id, command_id) in (select organization_id, command_id from lowest)),
        ends as (
            select lowest.place, lowest.arrival,
                case when split.command_id is null then max(lowest.arrival) over command end as last
            from lowest
            left join split using (organization_id, command_id)
            window command as (partition by lowest.organization_id, lowest.command_id)),
        -- up to which all commands that have begun have ended
        closed as (
            select max(arrival) as arrival
            from (
                select arrival, max(coalesce(last, 9223372036854775807)) over (order by arrival) as last_begun
                from ends) as begun
            where last_begun <= arrival),
        taken as (
            delete from journal.unsequenced
            where ctid = any (array(
                select place
                from ends
                where arrival <= (select arrival from closed)))
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
        -- commands that are larger than the batch, or wound into each other: it grows until they fit
        exit when taken_events > 0 or lowest_events < batch;
        batch := batch * 2;
    end loop;
    if taken_events > 0 then
        perform pg_notify('anamnesis_log', head_position::text);
    end if;
    return next;
end $$;
