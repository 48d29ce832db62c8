create table facilities (
    organization_id  uuid        not null,
    subject_id       uuid        not null,
    position         bigint      not null,
    sequence         bigint      not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    facility_id      uuid        not null,
    kind             text        not null,
    parent_id        uuid,
    status           text        not null,
    name             bytea       not null,
    found_by         bigint[]    not null,
    codes            text[]      not null,
    types            bytea,
    identifiers      bytea,
    phones           bytea,
    emails           bytea,
    addresses        bytea,
    registered_at    timestamptz not null,
    closed_at        timestamptz,
    closing_reason   bytea,
    constraint facilities_pkey primary key (facility_id)
);

-- once the rows are there
create index facilities_listed on facilities (organization_id, created_at, facility_id);
create index facilities_of_parent on facilities (organization_id, parent_id) where parent_id is not null;
create index facilities_by_token on facilities using gin (found_by);

-- What is searched for stands in the policy, so that the index serves: docs/decisions/0024-words.md.
alter table facilities enable row level security, force row level security;
create policy facilities_seen on facilities for select to anamnesis_reader
    using (read.may_see_directory(organization_id) and found_by @> coalesce(read.wanted_words(), '{}'));
create policy facilities_kept on facilities to anamnesis_projector using (true) with check (true);
grant select on facilities to anamnesis_reader;
grant select, insert, update, delete on facilities to anamnesis_projector;
