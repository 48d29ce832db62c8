-- How is what a decision rests on kept from changing until its events are written?

-- Called before journal.append, in its transaction. Whoever appends to a stream that others may rest on (`c_shakes`) has it for
-- himself; whoever rests on a stream (`g_…`; n is the number of the command, from 1) shares it, and then looks whether it is still
-- where it was read. So the log never has a change of what a decision rests on before that decision.
--
-- Gives the sequences that journal.append is to expect: for commands whose ground has changed one that no stream has, so that
-- they are told of a conflict and decided anew.
create function journal.hold_grounds(
    c_type text[], c_stream uuid[], c_expected bigint[], c_shakes boolean[],
    g_n integer[], g_type text[], g_stream uuid[], g_sequence bigint[],
    out expected bigint[]
)
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    held record;
    lost_n integer;
begin
    expected := c_expected;
    if not true = any (c_shakes) and cardinality(g_n) = 0 then
        return;
    end if;

    -- in the order of the locks, so that no two wait for each other
    for held in
        select hashtextextended(s.type || s.stream::text, 0) as lock, bool_or(s.shakes) as shakes
        from (
            select type, stream, true
            from unnest(c_type, c_stream, c_shakes) as c (type, stream, shakes)
            where c.shakes
            union all
            select type, stream, false
            from unnest(g_type, g_stream) as g (type, stream)) as s (type, stream, shakes)
        group by 1
        order by 1
    loop
        if held.shakes then
            perform pg_advisory_xact_lock(held.lock);
        else
            perform pg_advisory_xact_lock_shared(held.lock);
        end if;
    end loop;

    for lost_n in
        select g.n
        from unnest(g_n, g_type, g_stream, g_sequence) as g (n, type, stream, sequence)
        where g.sequence <> coalesce(
            (select e.sequence
             from journal.events as e
             where e.aggregate_type = g.type and e.aggregate_id = g.stream
             order by e.sequence desc
             limit 1), 0)
    loop
        expected[lost_n] := -1;
    end loop;
end $$;

revoke all on function journal.hold_grounds from public;
grant execute on function journal.hold_grounds to anamnesis_writer;
