create table patients (
    organization_id        uuid        not null,
    subject_id             uuid        not null,
    position               bigint      not null,
    sequence               bigint      not null,
    created_at             timestamptz not null,
    updated_at             timestamptz not null,
    patient_id             uuid        not null,
    user_id                uuid,
    status                 text        not null,
    patient_number         bytea       not null,
    patient_number_index   bytea       not null,
    demographics           bytea       not null,
    found_by               bigint[]    not null,
    family_and_birth_index bytea,
    deceased_at            bytea,
    contact                bytea,
    identifiers            bytea,
    insurance_info         bytea,
    emergency_contact      bytea,
    primary_care_provider  uuid,
    assigned_providers     uuid[]      not null,
    care_team              bytea,
    health_goals           bytea,
    risk_factors           bytea,
    registered_at          timestamptz not null,
    deactivated_at         timestamptz,
    deactivation_reason    bytea,
    merged_into            uuid,
    merged_at              timestamptz,
    merge_reason           bytea,
    duplicates             uuid[]      not null,
    constraint patients_pkey primary key (patient_id)
);

-- once the rows are there
create index patients_listed on patients (organization_id, created_at, patient_id);
create index patients_by_number on patients (organization_id, patient_number_index);
create index patients_by_family_and_birth on patients (organization_id, family_and_birth_index);
create index patients_by_account on patients (organization_id, user_id) where user_id is not null;
create index patients_of_primary_care_provider on patients (organization_id, primary_care_provider, created_at, patient_id);
create index patients_by_token on patients using gin (found_by);

-- What is searched for stands in the policy, so that the index serves: docs/decisions/0024-words.md.
alter table patients enable row level security, force row level security;
create policy patients_seen on patients for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id) and found_by @> coalesce(read.wanted_words(), '{}'));
create policy patients_kept on patients to anamnesis_projector using (true) with check (true);
grant select on patients to anamnesis_reader;
grant select, insert, update, delete on patients to anamnesis_projector;
