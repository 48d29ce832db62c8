-- Which tables does each projection have?
--
-- `read.built` knew of one set of tables for each projection. There may be several now: the one that is read, one that is
-- being built, one that is kept. The table itself can be thrown away with what it lists, so `projections/scope.sql` makes
-- it; what an installation knew before goes on here.

alter table if exists read.built rename to versions;
alter table if exists read.versions
    drop constraint built_once,
    add column version bigint generated always as identity constraint versions_pkey primary key,
    add column state text not null default 'live' constraint versions_states check (state in ('building', 'live', 'kept')),
    add column tables text[],
    add column since timestamptz not null default clock_timestamp(),
    add column partitions integer[] not null default '{}',
    add column positions bigint[] not null default '{}',
    add column waiting bigint[] not null default '{}',
    add column left_out bigint[] not null default '{}',
    add constraint versions_one_of_each unique (projection, state);

do $$
begin
    if to_regclass('read.versions') is not null then
        update read.versions
        set tables = case projection
            when 'accounts' then array['users', 'user_profiles', 'user_roles']
            when 'history_lists' then array['conditions', 'allergies', 'medications']
            when 'insights' then array['health_insights']
            when 'providers' then array['providers', 'provider_affiliations']
            when 'records' then array['medical_records']
            else array[projection]
        end;
        alter table read.versions alter column tables set not null, alter column state drop default;
    end if;
end $$;
