create table appointments (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    appointment_id      uuid        not null,
    patient_id          uuid        not null,
    provider_id         uuid,
    facility_id         uuid,
    appointment_type    text,
    status              text,
    visit_status        text,
    scheduled_at        timestamptz not null,
    ends_at             timestamptz,
    duration_minutes    integer,
    time_zone           text,
    location            bytea,
    reason              bytea,
    booked_at           timestamptz,
    rescheduled_at      timestamptz,
    confirmed_at        timestamptz,
    checked_in_at       timestamptz,
    started_at          timestamptz,
    completed_at        timestamptz,
    missed_at           timestamptz,
    cancelled_at        timestamptz,
    cancelled_by        text,
    cancellation_reason bytea,
    symptoms            bytea,
    diagnosis           bytea,
    diagnosis_codes     bytea,
    treatment_plan      bytea,
    notes               bytea,
    follow_up_date      date,
    visit_class         bytea,
    visit_types         bytea,
    visit_reasons       bytea,
    visit_corrected_at  timestamptz,
    codes               text[]      not null,
    reminders           text[]      not null,
    reminder_sent_at    timestamptz,
    constraint appointments_pkey primary key (appointment_id)
);

-- once the rows are there
create index appointments_by_day on appointments (organization_id, scheduled_at, appointment_id);
create index appointments_of_patient on appointments (organization_id, patient_id, scheduled_at, appointment_id);
create index appointments_by_status on appointments (organization_id, status, scheduled_at, appointment_id);
create index appointments_of_provider on appointments (organization_id, provider_id, scheduled_at, appointment_id);

alter table appointments enable row level security, force row level security;
create policy appointments_seen on appointments for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy appointments_kept on appointments to anamnesis_projector using (true) with check (true);
grant select on appointments to anamnesis_reader;
grant select, insert, update, delete on appointments to anamnesis_projector;
