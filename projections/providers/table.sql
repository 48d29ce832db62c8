create table providers (
    organization_id       uuid        not null,
    subject_id            uuid        not null,
    position              bigint      not null,
    sequence              bigint      not null,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    provider_id           uuid        not null,
    user_id               uuid,
    status                text        not null,
    provider_number       bytea       not null,
    provider_number_index bytea       not null,
    name                  bytea       not null,
    found_by              bigint[]    not null,
    license_number        bytea,
    specialties           text[]      not null,
    certifications        bytea,
    languages             bytea,
    gender                bytea,
    birth_date            bytea,
    phones                bytea,
    emails                bytea,
    addresses             bytea,
    identifiers           bytea,
    availability          bytea,
    rating                double precision,
    rating_hundredths     bigint      not null,
    total_reviews         bigint      not null,
    total_stars           bigint      not null,
    is_verified           boolean     not null,
    verification_date     timestamptz,
    registered_at         timestamptz not null,
    suspended_at          timestamptz,
    suspension_reason     bytea,
    constraint providers_pkey primary key (provider_id)
);

create table provider_affiliations (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    provider_id     uuid        not null,
    affiliation_id  uuid        not null,
    facility_id     uuid        not null,
    starts_at       timestamptz,
    ends_at         timestamptz,
    roles           bytea,
    specialties     bytea,
    phones          bytea,
    emails          bytea,
    affiliated_at   timestamptz not null,
    constraint provider_affiliations_pkey primary key (provider_id, affiliation_id)
);

-- once the rows are there
create index providers_listed on providers (organization_id, created_at, provider_id);
create index providers_by_rating on providers (organization_id, rating_hundredths, provider_id);
create index providers_by_number on providers (organization_id, provider_number_index);
create index providers_by_account on providers (organization_id, user_id) where user_id is not null;
create index providers_by_token on providers using gin (found_by);

-- What is searched for stands in the policy, so that the index serves: docs/decisions/0024-words.md.
alter table providers enable row level security, force row level security;
create policy providers_seen on providers for select to anamnesis_reader
    using (read.may_see_directory(organization_id) and found_by @> coalesce(read.wanted_words(), '{}'));
create policy providers_kept on providers to anamnesis_projector using (true) with check (true);
grant select on providers to anamnesis_reader;
grant select, insert, update, delete on providers to anamnesis_projector;

create index provider_affiliations_of_facility on provider_affiliations (organization_id, facility_id, provider_id);

alter table provider_affiliations enable row level security, force row level security;
create policy provider_affiliations_seen on provider_affiliations for select to anamnesis_reader
    using (read.may_see_directory(organization_id));
create policy provider_affiliations_kept on provider_affiliations to anamnesis_projector using (true) with check (true);
grant select on provider_affiliations to anamnesis_reader;
grant select, insert, update, delete on provider_affiliations to anamnesis_projector;
