create table consents (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    consent_id          uuid        not null,
    patient_id          uuid        not null,
    status              text        not null,
    grantee_provider_id uuid,
    grantee_facility_id uuid,
    purposes            text[]      not null,
    categories          text[]      not null,
    granted_at          timestamptz not null,
    expires_at          timestamptz,
    revoked_at          timestamptz,
    revocation_reason   bytea,
    constraint consents_pkey primary key (consent_id)
);

-- once the rows are there
create index consents_of_patient on consents (organization_id, patient_id, created_at, consent_id);
create index consents_listed on consents (organization_id, created_at, consent_id);
create index consents_of_provider on consents (organization_id, grantee_provider_id, created_at, consent_id) where grantee_provider_id is not null;
create index consents_of_facility on consents (organization_id, grantee_facility_id, created_at, consent_id) where grantee_facility_id is not null;

alter table consents enable row level security, force row level security;
create policy consents_seen on consents for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy consents_kept on consents to anamnesis_projector using (true) with check (true);
grant select on consents to anamnesis_reader;
grant select, insert, update, delete on consents to anamnesis_projector;
