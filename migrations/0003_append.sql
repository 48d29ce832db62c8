-- How do the events of many commands get into the journal at once, and each command for itself?

-- Sealed bytes don't compress: trying to costs time and saves nothing.
alter table journal.events alter column payload set storage external, alter column metadata set storage external;
alter table journal.snapshots alter column state set storage external;

-- Appends a batch of commands in one transaction, each as a whole or not at all, and says for each what became of it:
--   ok             appended
--   duplicate      its receipt is there: it was carried out before
--   conflict       its stream isn't where the command expects it
--   taken:<kind>   a value that it claims belongs to another stream
--   slot:<kind>    a time that it takes isn't free
-- `unusable` names the keys that nothing may be sealed under any more, and the new ones whose owner has had a key
-- before; then nothing was appended at all.
-- `atomic`: all of the batch or nothing.
--
-- Most batches only add, and nothing is in their way. So they are written first and looked at never: the constraints that
-- look for themselves (a receipt, a stream's next sequence, a claim, an owner's first key) take the whole of it back when
-- somebody was in the way after all, and it goes the other way like all the rest. `hopeful` false: there is little hope,
-- and it isn't tried.
--
-- The other way first looks, then writes only what it found to be possible, so nothing has to be taken back. Whoever gets
-- in between the two, from another process, makes a unique or exclusion constraint fail and with it the whole batch: the
-- caller sends it again and then sees the other. Within a batch no two commands may have the same receipt, stream,
-- claim or slot's resource. Every step writes in the order of its keys, on either way the same, so batches wait for each
-- other in one order.
--
-- The plans must not depend on statistics: a fresh journal has none, and these plans are kept.
create function journal.append(
    -- the commands; `expected` null: nothing is appended to the stream by right of this command alone
    c_organization uuid[], c_account uuid[], c_receipt uuid[], c_request_hash bytea[], c_refusal text[],
    c_type text[], c_stream uuid[], c_expected bigint[], c_last bigint[], c_frees_slots boolean[],
    c_command uuid[], c_correlation uuid[], c_causation uuid[], c_recorded_at timestamptz[],
    -- keys that come into being with their events; n is the number of the command, from 1
    w_n integer[], w_id uuid[], w_subject uuid[], w_purpose text[], w_algorithm text[],
    w_provider text[], w_wrapping_key uuid[], w_wrapping_version integer[], w_epoch bigint[], w_wrapped bytea[],
    -- their events
    e_n integer[], e_sequence bigint[], e_id uuid[], e_type text[], e_version integer[], e_fingerprint bytea[],
    e_subject uuid[], e_metadata_subject uuid[], e_payload bytea[], e_metadata bytea[], e_row_hash bytea[],
    -- the claims they take or give back
    k_n integer[], k_takes boolean[], k_kind text[], k_version integer[], k_hash bytea[],
    -- the slots they take
    s_n integer[], s_kind text[], s_resource uuid[], s_start timestamptz[], s_end timestamptz[],
    -- the other keys that their events are sealed under
    key_ids uuid[],
    atomic boolean,
    hopeful boolean,
    out verdicts text[], out unusable uuid[]
)
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    lost_n integer;
    lost_to text;
begin
    -- what frees something or takes a time goes the other way, and so does what is all or nothing: it may fill a batch with
    -- thousands of events, and the n-th element of an array costs the more, the longer the array
    if hopeful and not atomic and cardinality(e_n) > 0 and cardinality(s_n) = 0 and not true = any (c_frees_slots)
        and not false = any (k_takes)
    then
        begin
            -- one statement, for starting one costs as much as a command; elements by their number, for `unnest` makes a
            -- list of each array first; every step names the one before, or their order would be anybody's guess; the rows
            -- come in the order of their keys (no two processes wait for each other), so nothing is sorted here
            with ready as materialized (
                select
                    not exists (
                        select from unnest(key_ids) as used (id)
                        where (select k.state from journal.keys as k where k.key_id = used.id) is distinct from 'active')
                    and not exists (
                        select from generate_series(1, cardinality(c_expected)) as n
                        where c_expected[n] > 0 and not exists (
                            select from journal.events as e
                            where e.aggregate_type = c_type[n] and e.aggregate_id = c_stream[n] and e.sequence = c_expected[n])) as is_ready),
            key as (
                insert into journal.keys (key_id, organization_id, subject_id, purpose, version, algorithm, wraps)
                select w_id[i], c_organization[w_n[i]], w_subject[i], w_purpose[i], 1, w_algorithm[i],
                    array[row(w_provider[i], w_wrapping_key[i], w_wrapping_version[i], w_epoch[i], w_wrapped[i])::journal.key_wrap]
                from generate_series(1, cardinality(w_n)) as i
                where (select is_ready from ready)
                returning true),
            receipt as (
                insert into journal.commands
                    (organization_id, account_id, command_id, request_hash, aggregate_type, aggregate_id, last_sequence, refusal)
                select c_organization[n], c_account[n], c_receipt[n], c_request_hash[n], c_type[n], c_stream[n], c_last[n], c_refusal[n]
                from generate_series(1, cardinality(c_receipt)) as n
                where (select is_ready from ready) and (select count(*) from key) >= 0
                returning true),
            claim as (
                insert into journal.claims (organization_id, kind, key_version, hash, aggregate_type, aggregate_id)
                select c_organization[k_n[i]], k_kind[i], k_version[i], k_hash[i], c_type[k_n[i]], c_stream[k_n[i]]
                from generate_series(1, cardinality(k_n)) as i
                where (select count(*) from receipt) > 0
                returning true),
            appended as (
                insert into journal.events
                    (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint,
                    subject_id, metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id,
                    payload, metadata, row_hash)
                select c_organization[e_n[i]], c_type[e_n[i]], c_stream[e_n[i]], e_sequence[i], e_id[i], e_type[i], e_version[i], e_fingerprint[i],
                    e_subject[i], e_metadata_subject[i], c_recorded_at[e_n[i]], c_command[e_n[i]], c_correlation[e_n[i]], c_causation[e_n[i]],
                    c_account[e_n[i]], e_payload[i], e_metadata[i], e_row_hash[i]
                from generate_series(1, cardinality(e_n)) as i
                where (select count(*) from receipt) > 0 and (select count(*) from claim) >= 0
                returning arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
            insert into journal.unsequenced
                (arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
            select arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
            from appended;
            if found then
                verdicts := array_fill('ok'::text, array[cardinality(c_receipt)]);
                return;
            end if;
        exception when unique_violation then
            -- somebody is in the way: below it turns out who
        end;
    end if;

    select array_agg(id) into unusable
    from (
        select used.id
        from unnest(key_ids) as used (id)
        where (select k.state from journal.keys as k where k.key_id = used.id) is distinct from 'active'
        union all
        select w.id
        from unnest(w_n, w_id, w_subject, w_purpose) as w (n, id, subject, purpose)
        where exists (
            select from journal.keys as k
            where k.organization_id = c_organization[w.n] and k.subject_id = w.subject and k.purpose = w.purpose)) as no_use;
    if unusable is not null then
        return;
    end if;

    select array_agg(
        coalesce(
            (select 'duplicate'
             from journal.commands as r
             where r.organization_id = c.organization and r.account_id = c.account and r.command_id = c.receipt),
            case when c.expected <> coalesce(
                    (select e.sequence
                     from journal.events as e
                     where e.aggregate_type = c.type and e.aggregate_id = c.stream
                     order by e.sequence desc
                     limit 1), 0)
                then 'conflict' end,
            'ok')
        order by c.n) into verdicts
    from unnest(c_organization, c_account, c_receipt, c_type, c_stream, c_expected) with ordinality
        as c (organization, account, receipt, type, stream, expected, n);

    if cardinality(k_n) > 0 then
        for lost_n, lost_to in
            select k.n, min('taken:' || k.kind)
            from unnest(k_n, k_takes, k_kind, k_version, k_hash) as k (n, takes, kind, version, hash)
            where k.takes and verdicts[k.n] = 'ok' and
                (select (h.aggregate_type, h.aggregate_id) <> (c_type[k.n], c_stream[k.n])
                    -- within a group one stream may take what another gives back
                    and not (atomic and exists (
                        select from unnest(k_n, k_takes, k_kind, k_version, k_hash) as g (n, takes, kind, version, hash)
                        where not g.takes and g.kind = k.kind and g.version = k.version and g.hash = k.hash
                            and (c_type[g.n], c_stream[g.n]) = (h.aggregate_type, h.aggregate_id)))
                 from journal.claims as h
                 where h.organization_id = c_organization[k.n]
                    and h.kind = k.kind and h.key_version = k.version and h.hash = k.hash)
            group by k.n
        loop
            verdicts[lost_n] := lost_to;
        end loop;
    end if;

    if cardinality(s_n) > 0 then
        for lost_n, lost_to in
            select s.n, min('slot:' || s.kind)
            from unnest(s_n, s_kind, s_resource, s_start, s_end) as s (n, kind, resource, start, stop)
            where verdicts[s.n] = 'ok' and
                (select true
                 from journal.slots as h
                 where h.organization_id = c_organization[s.n]
                    and h.kind = s.kind and h.resource_id = s.resource
                    and h.during && tstzrange(s.start, s.stop) and h.holder_id <> c_stream[s.n]
                    and not (atomic and exists (
                        select from unnest(c_stream, c_frees_slots) as g (stream, frees)
                        where g.frees and g.stream = h.holder_id))
                 limit 1)
            group by s.n
        loop
            verdicts[lost_n] := lost_to;
        end loop;
    end if;

    if atomic then
        if 'ok' <> any (verdicts) then
            return;
        end if;
    end if;

    if cardinality(w_n) > 0 then
        insert into journal.keys (key_id, organization_id, subject_id, purpose, version, algorithm, wraps)
        select w.id, c_organization[w.n], w.subject, w.purpose, 1, w.algorithm,
            array[row(w.provider, w.wrapping_key, w.wrapping_version, w.epoch, w.wrapped)::journal.key_wrap]
        from unnest(w_n, w_id, w_subject, w_purpose, w_algorithm, w_provider, w_wrapping_key, w_wrapping_version, w_epoch, w_wrapped)
            as w (n, id, subject, purpose, algorithm, provider, wrapping_key, wrapping_version, epoch, wrapped)
        where verdicts[w.n] = 'ok'
        order by w.subject, c_organization[w.n], w.purpose;
    end if;

    insert into journal.commands
        (organization_id, account_id, command_id, request_hash, aggregate_type, aggregate_id, last_sequence, refusal)
    select c.organization, c.account, c.receipt, c.request_hash, c.type, c.stream, c.last, c.refusal
    from unnest(c_organization, c_account, c_receipt, c_request_hash, c_type, c_stream, c_last, c_refusal) with ordinality
        as c (organization, account, receipt, request_hash, type, stream, last, refusal, n)
    where verdicts[c.n] = 'ok'
    order by c.receipt, c.account, c.organization;

    if cardinality(k_n) > 0 then
        if false = any (k_takes) then
            delete from journal.claims as h
            using unnest(k_n, k_takes, k_kind, k_version, k_hash) as k (n, takes, kind, version, hash)
            where not k.takes and verdicts[k.n] = 'ok'
                and h.organization_id = c_organization[k.n]
                and h.kind = k.kind and h.key_version = k.version and h.hash = k.hash
                and h.aggregate_type = c_type[k.n] and h.aggregate_id = c_stream[k.n];
        end if;

        -- what the stream itself holds already it needn't take (a new one holds nothing); what another has taken since
        -- we looked must fail
        insert into journal.claims (organization_id, kind, key_version, hash, aggregate_type, aggregate_id)
        select c_organization[k.n], k.kind, k.version, k.hash, c_type[k.n], c_stream[k.n]
        from unnest(k_n, k_takes, k_kind, k_version, k_hash) as k (n, takes, kind, version, hash)
        where k.takes and verdicts[k.n] = 'ok' and case
            when c_expected[k.n] = 0 then true
            else (
                select (h.aggregate_type, h.aggregate_id) = (c_type[k.n], c_stream[k.n])
                from journal.claims as h
                where h.organization_id = c_organization[k.n]
                    and h.kind = k.kind and h.key_version = k.version and h.hash = k.hash) is not true
            end
        order by k.hash, c_organization[k.n], k.kind collate "C", k.version;
    end if;

    if true = any (c_frees_slots) then
        delete from journal.slots as h
        using unnest(c_organization, c_stream, c_frees_slots) with ordinality as c (organization, stream, frees, n)
        where c.frees and verdicts[c.n] = 'ok' and h.holder_id = c.stream and h.organization_id = c.organization;
    end if;

    if cardinality(s_n) > 0 then
        insert into journal.slots (organization_id, kind, resource_id, during, holder_id)
        select c_organization[s.n], s.kind, s.resource, tstzrange(s.start, s.stop), c_stream[s.n]
        from unnest(s_n, s_kind, s_resource, s_start, s_end) as s (n, kind, resource, start, stop)
        where verdicts[s.n] = 'ok'
        order by c_organization[s.n], s.kind collate "C", s.resource, s.start;
    end if;

    if cardinality(e_n) > 0 then
        with appended as (
            insert into journal.events
                (organization_id, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, fingerprint,
                subject_id, metadata_subject_id, recorded_at, command_id, correlation_id, causation_id, actor_id,
                payload, metadata, row_hash)
            select c_organization[e.n], c_type[e.n], c_stream[e.n], e.sequence, e.id, e.type, e.version, e.fingerprint,
                e.subject, e.metadata_subject, c_recorded_at[e.n], c_command[e.n], c_correlation[e.n], c_causation[e.n],
                c_account[e.n], e.payload, e.metadata, e.row_hash
            from unnest(e_n, e_sequence, e_id, e_type, e_version, e_fingerprint,
                    e_subject, e_metadata_subject, e_payload, e_metadata, e_row_hash)
                as e (n, sequence, id, type, version, fingerprint, subject, metadata_subject, payload, metadata, row_hash)
            where verdicts[e.n] = 'ok'
            order by c_stream[e.n], c_type[e.n] collate "C", e.sequence
            returning arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
        insert into journal.unsequenced
            (arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash)
        select arrival, command_id, organization_id, aggregate_type, aggregate_id, sequence, subject_id, row_hash
        from appended;
    end if;
end $$;

revoke all on function journal.append from public;
grant execute on function journal.append to anamnesis_writer;

-- A stream as postgres-es reads it, from its snapshot on: that comes first, with the event type `snapshot`.
-- The planner puts this function's body in the place of its call, so the primary keys are used.
create function journal.stream_from_snapshot(aggregate_type text, aggregate_id text)
returns table (
    aggregate_type text, aggregate_id text, sequence bigint, event_type text, event_version text, payload json, metadata json)
language sql stable
as $$
    select s.aggregate_type, s.aggregate_id, s.sequence, s.event_type, s.event_version, s.payload, s.metadata
    from journal.streams as s
    where s.aggregate_type = $1 and s.stream_id = $2::uuid
        and s.sequence > coalesce(
            (select p.sequence from journal.snapshots as p where p.aggregate_type = $1 and p.aggregate_id = $2::uuid), 0)
    union all
    select p.aggregate_type, p.aggregate_id::text, p.sequence, 'snapshot', p.state_version::text,
        json_build_object('s', replace(encode(p.state, 'base64'), E'\n', '')),
        json_build_object('organization_id', p.organization_id)
    from journal.snapshots as p
    where p.aggregate_type = $1 and p.aggregate_id = $2::uuid
$$;

revoke all on function journal.stream_from_snapshot from public;
grant execute on function journal.stream_from_snapshot to anamnesis_writer;
