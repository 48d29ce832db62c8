create table documents (
    organization_id       uuid        not null,
    subject_id            uuid        not null,
    position              bigint      not null,
    sequence              bigint      not null,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    document_id           uuid        not null,
    patient_id            uuid        not null,
    kind                  text        not null,
    status                text        not null,
    checksum_status       text        not null,
    is_removed            boolean     not null,
    file_name             bytea       not null,
    media_type            text        not null,
    size_bytes            bigint      not null,
    sha256                bytea       not null,
    storage_path          bytea       not null,
    source                bytea,
    registered_by         uuid        not null,
    registered_at         timestamptz not null,
    verified_by           uuid,
    verified_at           timestamptz,
    mismatched_sha256     bytea,
    mismatch_found_by     uuid,
    mismatch_found_at     timestamptz,
    processing_started_at timestamptz,
    processed_at          timestamptz,
    extracted_text        bytea,
    processing_error      bytea,
    superseded_by         uuid,
    superseded_at         timestamptz,
    supersession_reason   bytea,
    removed_by            uuid,
    removed_at            timestamptz,
    removal_reason        bytea,
    constraint documents_pkey primary key (document_id)
);

-- once the rows are there
create index documents_of_patient on documents (organization_id, patient_id, registered_at, document_id);
create index documents_listed on documents (organization_id, registered_at, document_id);
create index documents_by_status on documents (organization_id, status, registered_at, document_id);
create index documents_by_kind on documents (organization_id, kind, registered_at, document_id);

alter table documents enable row level security, force row level security;
create policy documents_seen on documents for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy documents_kept on documents to anamnesis_projector using (true) with check (true);
grant select on documents to anamnesis_reader;
grant select, insert, update, delete on documents to anamnesis_projector;
