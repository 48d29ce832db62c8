-- Whose data is sealed under which key, and may the key still be used?
--
-- A value is readable as long as a wrap of its data key is. Erasing a person's data means destroying the wraps, never
-- the row: the row stays, so that a sealed value that nobody can open any more is known to be erased and not lost.
--
-- Whoever erases a subject fences it first, and writes a fenced row for every purpose the subject has no key for yet:
-- the unique constraint then makes a racing creation lose.

create schema if not exists journal;
grant usage on schema journal to anamnesis_writer, anamnesis_projector, anamnesis_reader, anamnesis_auditor;

-- One data key sealed under one key-encryption key. A key has several while it moves between providers or epochs.
create type journal.key_wrap as (
    provider             text,      -- URI, `keyring:local`
    wrapping_key_id      uuid,
    wrapping_key_version integer,
    epoch                bigint,    -- an old epoch's wrapping keys are destroyed, so an old backup's wraps open nothing
    wrapped              bytea      -- a sealed value, docs/formats.md
);

create table journal.keys (
    key_id          uuid               not null,
    organization_id uuid               not null,
    subject_id      uuid               not null,
    purpose         text               not null,
    version         integer            not null,
    algorithm       text               not null,
    state           text               not null default 'active',
    active_from     timestamptz        not null default now(),
    active_to       timestamptz,
    rotated_at      timestamptz,
    wraps           journal.key_wrap[] not null,
    constraint keys_pkey primary key (key_id),
    constraint keys_one_of_a_version unique (subject_id, purpose, version, organization_id),
    constraint keys_purpose_is_known
        check (purpose in ('data', 'index', 'audit', 'models', 'digest', 'cache', 'object', 'backup')),
    constraint keys_of_an_organization_have_no_other_subject
        check (purpose not in ('index', 'audit', 'models') or subject_id = organization_id),
    constraint keys_version_counts_from_one check (version >= 1),
    constraint keys_algorithm_is_known check (algorithm in ('xchacha20-poly1305', 'aes-256-gcm')),
    constraint keys_state_is_known check (state in ('active', 'retired', 'fenced', 'destroyed')),
    -- a fenced row may stand for a purpose that never had a key, so only these two are strict
    constraint keys_destroyed_have_no_wrap check (state <> 'destroyed' or cardinality(wraps) = 0),
    constraint keys_usable_have_a_wrap check (state not in ('active', 'retired') or cardinality(wraps) > 0)
);

-- active → retired → fenced → destroyed, and never back: whoever resurrects a key must lose.
create function journal.keys_only_age() returns trigger language plpgsql as $$
declare
    life constant text[] := array['active', 'retired', 'fenced', 'destroyed'];
begin
    if array_position(life, new.state) < array_position(life, old.state) then
        raise exception 'key % cannot go back from % to %', old.key_id, old.state, new.state;
    end if;
    if (new.key_id, new.organization_id, new.subject_id, new.purpose, new.version, new.algorithm, new.active_from)
        is distinct from
       (old.key_id, old.organization_id, old.subject_id, old.purpose, old.version, old.algorithm, old.active_from)
    then
        raise exception 'key % cannot become another key', old.key_id;
    end if;
    return new;
end $$;

create function journal.keys_are_kept() returns trigger language plpgsql as $$
begin
    raise exception 'key rows are never deleted: destroy their wraps';
end $$;

create trigger keys_only_age before update on journal.keys
    for each row execute function journal.keys_only_age();
create trigger keys_are_kept before delete or truncate on journal.keys
    for each statement execute function journal.keys_are_kept();

revoke all on journal.keys from public;
revoke all on function journal.keys_only_age(), journal.keys_are_kept() from public;
grant select, insert on journal.keys to anamnesis_writer;
grant select on journal.keys to anamnesis_projector, anamnesis_reader;
-- who has which keys is the auditor's business; the wraps are not
grant select (key_id, organization_id, subject_id, purpose, version, algorithm, state, active_from, active_to, rotated_at)
    on journal.keys to anamnesis_auditor;
