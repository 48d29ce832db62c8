create table data_access_logs (
    organization_id        uuid        not null,
    subject_id             uuid        not null,
    position               bigint      not null,
    sequence               bigint      not null,
    created_at             timestamptz not null,
    updated_at             timestamptz not null,
    access_id              uuid        not null,
    patient_id             uuid        not null,
    user_id                uuid,
    session_id             uuid,
    outcome                text        not null,
    denied_by_rule         text,
    access_type            text        not null,
    action                 text        not null,
    access_method          text        not null,
    data_category          text[]      not null,
    data_elements_accessed text[]      not null,
    resource_type          text        not null,
    resource_id            uuid,
    as_of_position         bigint,
    purpose_of_access      text,
    access_justification   bytea,
    request_id             uuid,
    ip_address             bytea,
    user_agent             bytea,
    access_timestamp       timestamptz not null,
    constraint data_access_logs_pkey primary key (access_id, patient_id)
);

-- once the rows are there
create index data_access_logs_of_patient on data_access_logs (organization_id, patient_id, access_timestamp, access_id);
create index data_access_logs_of_user on data_access_logs (organization_id, user_id, access_timestamp, access_id);
create index data_access_logs_of_purpose on data_access_logs (organization_id, purpose_of_access, access_timestamp, access_id, patient_id);
create index data_access_logs_listed on data_access_logs (organization_id, access_timestamp, access_id, patient_id);

alter table data_access_logs enable row level security, force row level security;
create policy data_access_logs_seen on data_access_logs for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id) or read.is_the_patient(organization_id, patient_id));
create policy data_access_logs_read_back on data_access_logs for select to anamnesis_projector using (true);
create policy data_access_logs_added on data_access_logs for insert to anamnesis_projector with check (true);
grant select on data_access_logs to anamnesis_reader, anamnesis_auditor;
grant select, insert on data_access_logs to anamnesis_projector;
create trigger data_access_logs_are_immutable before update or delete or truncate on data_access_logs
    for each statement execute function journal.refuse_change();
