create table medical_records (
    organization_id         uuid        not null,
    subject_id              uuid        not null,
    position                bigint      not null,
    sequence                bigint      not null,
    created_at              timestamptz not null,
    updated_at              timestamptz not null,
    record_id               uuid        not null,
    patient_id              uuid        not null,
    provider_id             uuid,
    appointment_id          uuid,
    record_type             text        not null,
    status                  text        not null,
    is_entered_in_error     boolean     not null,
    record_date             timestamptz not null,
    visit_date              date,
    effective_at            timestamptz,
    codes                   text[]      not null,
    title                   bytea       not null,
    description             bytea,
    coding                  bytea,
    value                   bytea,
    components              bytea,
    diagnosis               bytea,
    symptoms                bytea,
    treatment               bytea,
    medications             bytea,
    lab_results             bytea,
    imaging_results         bytea,
    notes                   bytea,
    content                 bytea,
    source                  bytea,
    version                 integer     not null,
    amended_at              timestamptz,
    amendment_reason        bytea,
    signed_by               uuid[]      not null,
    signed_at               timestamptz,
    signed_sha256           bytea,
    summaries               bytea,
    summary_types           text[]      not null,
    attachments             uuid[]      not null,
    processing_error        bytea,
    archived_at             timestamptz,
    archival_reason         bytea,
    restored_at             timestamptz,
    restoration_reason      bytea,
    entered_in_error_at     timestamptz,
    entered_in_error_reason bytea,
    written_at              timestamptz not null,
    constraint medical_records_pkey primary key (record_id)
);

-- Which words a record has, as keyed hashes: docs/decisions/0024-words.md.
create table record_words (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    record_id       uuid        not null,
    word_tokens     bigint[]    not null,
    constraint record_words_pkey primary key (record_id)
);

-- Which documents a record holds, one a row, to find the record by.
create table record_documents (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    record_id       uuid        not null,
    document_id     uuid        not null,
    constraint record_documents_pkey primary key (record_id, document_id)
);

-- Which kinds of summaries a record has, one a row, to find the record by.
create table record_summaries (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    record_id       uuid        not null,
    summary_type    text        not null,
    constraint record_summaries_pkey primary key (record_id, summary_type)
);

-- once the rows are there
create index medical_records_of_patient on medical_records (organization_id, patient_id, record_date, record_id);
create index medical_records_listed on medical_records (organization_id, created_at, record_id);
create index medical_records_by_status on medical_records (organization_id, status, created_at, record_id);
create index medical_records_of_provider on medical_records (organization_id, provider_id, created_at, record_id) where provider_id is not null;
create index medical_records_of_appointment on medical_records (organization_id, appointment_id) where appointment_id is not null;

alter table medical_records enable row level security, force row level security;
create policy medical_records_seen on medical_records for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy medical_records_kept on medical_records to anamnesis_projector using (true) with check (true);
grant select on medical_records to anamnesis_reader;
grant select, insert, update, delete on medical_records to anamnesis_projector;

create index record_words_by_token on record_words using gin (word_tokens);

-- The words stand in the policy itself: what a query asks for besides, Postgres keeps from an index over an array
-- (projections/scope.sql). And so nobody who reads sees a row but by asking for its words.
alter table record_words enable row level security, force row level security;
create policy record_words_seen on record_words for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id) and word_tokens @> read.wanted_words());
create policy record_words_kept on record_words to anamnesis_projector using (true) with check (true);
grant select on record_words to anamnesis_reader;
grant select, insert, update, delete on record_words to anamnesis_projector;

create index record_documents_by_document on record_documents (organization_id, document_id, record_id);

alter table record_documents enable row level security, force row level security;
create policy record_documents_seen on record_documents for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy record_documents_kept on record_documents to anamnesis_projector using (true) with check (true);
grant select on record_documents to anamnesis_reader;
grant select, insert, update, delete on record_documents to anamnesis_projector;

create index record_summaries_by_type on record_summaries (organization_id, summary_type, record_id);

alter table record_summaries enable row level security, force row level security;
create policy record_summaries_seen on record_summaries for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy record_summaries_kept on record_summaries to anamnesis_projector using (true) with check (true);
grant select on record_summaries to anamnesis_reader;
grant select, insert, update, delete on record_summaries to anamnesis_projector;
