-- Who may see a row? Every policy of a read model asks one of these functions.
--
-- A reader says in its transaction, with set_config(…, true), on whose behalf it reads:
--   anamnesis.organization_id   the tenant
--   anamnesis.role_scope        staff | provider | patient | audit
--   anamnesis.patient_id        for the scope patient: whose own data
--   anamnesis.account_id        for the scopes provider and patient: whose own account
-- Where nothing was said, current_setting fails or the empty text is no uuid: an error, never a match.
--
-- Behind row-level security Postgres takes only conditions that can't leak for an index: equality and order of ids, texts
-- and bytes, none on arrays. So such a condition is checked on the organization's rows that the other conditions leave, and an
-- index over an array would cost writers and serve nobody, but where the condition is the policy's own, as `@> read.wanted_words()`.
--
-- What is asked of the scope is a `case` everywhere: Postgres takes it for true of every second row. Of `= 'audit'` it would assume
-- one row in 200, so that 50 of them seem to be nowhere near, and sort the whole table instead of following an index.

create schema if not exists read;
create schema if not exists audit;

create or replace function read.may_see_person(organization uuid, person uuid) returns boolean
language sql stable parallel safe
return organization = current_setting('anamnesis.organization_id')::uuid
    and case current_setting('anamnesis.role_scope')
        when 'staff' then true
        when 'provider' then true
        when 'patient' then person = current_setting('anamnesis.patient_id')::uuid
        else false
    end;

-- What everybody in the organization may look up: who works there, and where.
create or replace function read.may_see_directory(organization uuid) returns boolean
language sql stable parallel safe
return organization = current_setting('anamnesis.organization_id')::uuid
    and case current_setting('anamnesis.role_scope')
        when 'staff' then true
        when 'provider' then true
        when 'patient' then true
        when 'audit' then true
        else false
    end;

create or replace function read.may_see_account(organization uuid, account uuid) returns boolean
language sql stable parallel safe
return organization = current_setting('anamnesis.organization_id')::uuid
    and case current_setting('anamnesis.role_scope')
        when 'staff' then true
        when 'audit' then true
        when 'provider' then account = current_setting('anamnesis.account_id')::uuid
        when 'patient' then account = current_setting('anamnesis.account_id')::uuid
        else false
    end;

create or replace function read.may_see_audit(organization uuid) returns boolean
language sql stable parallel safe
return organization = current_setting('anamnesis.organization_id')::uuid
    and case current_setting('anamnesis.role_scope')
        when 'audit' then true
        else false
    end;

-- Everybody may know who has looked at their data.
create or replace function read.is_the_patient(organization uuid, patient uuid) returns boolean
language sql stable parallel safe
return organization = current_setting('anamnesis.organization_id')::uuid
    and case current_setting('anamnesis.role_scope')
        when 'patient' then patient = current_setting('anamnesis.patient_id')::uuid
        else false
    end;

-- The hashes of the words that a transaction searches for: set_config('anamnesis.words', '{…}', true). None: tables
-- that are there to search find nothing, the others leave nothing out.
create or replace function read.wanted_words() returns bigint[]
language sql stable parallel safe
return nullif(current_setting('anamnesis.words', true), '')::bigint[];

-- The tables that each projection has: those that are read, in `read` or `audit`, and those that are being built or kept to
-- go back to, in a schema of their own: read_<version> or audit_<version>.
create table if not exists read.versions (
    version    bigint      generated always as identity constraint versions_pkey primary key,
    projection text        not null,
    definition text        not null,
    state      text        not null constraint versions_states check (state in ('building', 'live', 'kept')),
    tables     text[]      not null,
    since      timestamptz not null default clock_timestamp(),
    -- definitions of this version of the fold or a lower one don't take over by themselves
    outranks   integer     not null default 0,
    -- of kept tables: the checkpoints that they have come to, what was parked, and what was left out (journal.skipped)
    partitions integer[]   not null default '{}',
    positions  bigint[]    not null default '{}',
    waiting    bigint[]    not null default '{}',
    left_out   bigint[]    not null default '{}',
    constraint versions_one_of_each unique (projection, state)
);

revoke all on schema read, audit from public;
grant usage on schema read to anamnesis_reader, anamnesis_projector, anamnesis_auditor;
grant usage on schema audit to anamnesis_reader, anamnesis_projector, anamnesis_auditor;
grant select on read.versions to anamnesis_projector;
