-- Which key is current for each of these owners? Where there is none, the proposed one becomes version 1.
--
-- An owner that comes back in neither part was made by somebody else while this ran: this statement's snapshot doesn't
-- see that row yet, so the caller asks again.
with proposed as (
    select u.organization_id, u.subject_id, u.purpose, u.key_id,
           u.wrapping_key_id, u.wrapping_key_version, u.epoch, u.wrapped
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::integer[], $7::bigint[], $8::bytea[])
        as u (organization_id, subject_id, purpose, key_id, wrapping_key_id, wrapping_key_version, epoch, wrapped)
),
current as (
    select k.key_id, k.organization_id, k.subject_id, k.purpose, k.version, k.algorithm, k.state,
           array(select w.wrapped from unnest(k.wraps) as w where w.provider = $10) as wrapped
    from proposed
    cross join lateral (
        select keys.*
        from journal.keys
        where keys.organization_id = proposed.organization_id
          and keys.subject_id = proposed.subject_id
          and keys.purpose = proposed.purpose
        order by keys.version desc
        limit 1) as k
),
-- see store.rs for when a commit need not be flushed, and why that loses nothing
commit_flush as materialized (
    select set_config('synchronous_commit',
                      case when $11 then 'off' else current_setting('synchronous_commit') end,
                      true) as setting
),
made as (
    insert into journal.keys (key_id, organization_id, subject_id, purpose, version, algorithm, wraps)
    select proposed.key_id, proposed.organization_id, proposed.subject_id, proposed.purpose, 1, $9,
           array[row($10, proposed.wrapping_key_id, proposed.wrapping_key_version, proposed.epoch,
                     proposed.wrapped)::journal.key_wrap]
    from commit_flush
    cross join proposed
    where not exists (
        select from current
        where current.organization_id = proposed.organization_id
          and current.subject_id = proposed.subject_id
          and current.purpose = proposed.purpose)
    -- two batches with the same owners wait for each other in one order only
    order by proposed.organization_id, proposed.subject_id, proposed.purpose
    on conflict on constraint keys_one_of_a_version do nothing
    returning key_id, organization_id, subject_id, purpose, version, algorithm, state, '{}'::bytea[] as wrapped
)
select key_id, organization_id, subject_id, purpose, version, algorithm, state, wrapped from current
union all
select key_id, organization_id, subject_id, purpose, version, algorithm, state, wrapped from made
