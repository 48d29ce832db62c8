create table amendment_requests (
    organization_id    uuid        not null,
    subject_id         uuid        not null,
    position           bigint      not null,
    sequence           bigint      not null,
    created_at         timestamptz not null,
    updated_at         timestamptz not null,
    patient_id         uuid        not null,
    request_id         uuid        not null,
    status             text        not null,
    record_id          uuid,
    amends             bytea       not null,
    reason             bytea       not null,
    to_be_told         bytea,
    requested_at       timestamptz not null,
    due_at             timestamptz not null,
    extended_at        timestamptz,
    extension_reason   bytea,
    decided_at         timestamptz,
    decided_by         uuid,
    amendment          bytea,
    denial_ground      text,
    denial_explanation bytea,
    disagreement       bytea,
    disagreed_at       timestamptz,
    rebuttal           bytea,
    rebutted_at        timestamptz,
    told               bytea,
    constraint amendment_requests_pkey primary key (patient_id, request_id)
);

-- once the rows are there
create index amendment_requests_of_patient on amendment_requests (organization_id, patient_id, due_at, request_id);
create index amendment_requests_listed on amendment_requests (organization_id, due_at, patient_id, request_id);
create index amendment_requests_of_record on amendment_requests (organization_id, record_id, due_at, patient_id, request_id) where record_id is not null;
create index amendment_requests_by_deadline on amendment_requests (organization_id, status, due_at, patient_id, request_id);

alter table amendment_requests enable row level security, force row level security;
create policy amendment_requests_seen on amendment_requests for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy amendment_requests_kept on amendment_requests to anamnesis_projector using (true) with check (true);
grant select on amendment_requests to anamnesis_reader;
grant select, insert, update, delete on amendment_requests to anamnesis_projector;
