create table prediction_logs (
    organization_id      uuid        not null,
    subject_id           uuid        not null,
    position             bigint      not null,
    sequence             bigint      not null,
    created_at           timestamptz not null,
    updated_at           timestamptz not null,
    prediction_id        uuid        not null,
    model_id             uuid        not null,
    model_version        text        not null,
    patient_id           uuid        not null,
    input_data           bytea       not null,
    input_index          bytea       not null,
    prediction           bytea       not null,
    confidence_score     double precision,
    processing_time_ms   bigint,
    prediction_timestamp timestamptz not null,
    actual_outcome       bytea,
    was_right            boolean,
    outcome_recorded_at  timestamptz,
    outcome_recorded_by  uuid,
    constraint prediction_logs_pkey primary key (prediction_id)
);

-- once the rows are there
create index prediction_logs_of_patient on prediction_logs (organization_id, patient_id, prediction_timestamp, prediction_id);
create index prediction_logs_of_model on prediction_logs (organization_id, model_id, prediction_timestamp, prediction_id);
create index prediction_logs_listed on prediction_logs (organization_id, prediction_timestamp, prediction_id);
create index prediction_logs_asked on prediction_logs (organization_id, input_index);

alter table prediction_logs enable row level security, force row level security;
create policy prediction_logs_seen on prediction_logs for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy prediction_logs_kept on prediction_logs to anamnesis_projector using (true) with check (true);
grant select on prediction_logs to anamnesis_reader;
grant select, insert, update, delete on prediction_logs to anamnesis_projector;
