create table compliance_findings (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    finding_id          uuid        not null,
    finding_type        text        not null,
    severity            text        not null,
    status              text        not null,
    title               bytea       not null,
    description         bytea,
    rule                bytea,
    account_ids         uuid[]      not null,
    patient_ids         uuid[]      not null,
    notes               bytea,
    discovered_at       timestamptz not null,
    raised_at           timestamptz not null,
    raised_by           uuid        not null,
    outcome             text,
    measures            bytea,
    resolved_at         timestamptz,
    resolved_by         uuid,
    reopened_at         timestamptz,
    reopening_reason    bytea,
    constraint compliance_findings_pkey primary key (finding_id)
);

create table legal_holds (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    hold_id             uuid        not null,
    status              text        not null,
    matter              bytea       not null,
    authority           bytea,
    reason              bytea       not null,
    patient_ids         uuid[]      not null,
    placed_at           timestamptz not null,
    placed_by           uuid        not null,
    released_at         timestamptz,
    released_by         uuid,
    release_reason      bytea,
    constraint legal_holds_pkey primary key (hold_id)
);

-- Whose data a hold keeps, one a row, to find the hold by.
create table legal_hold_patients (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    hold_id             uuid        not null,
    patient_id          uuid        not null,
    constraint legal_hold_patients_pkey primary key (hold_id, patient_id)
);

create table officer_designations (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    designation_id      uuid        not null,
    office              text        not null,
    status              text        not null,
    account_id          uuid        not null,
    designated_at       timestamptz not null,
    designated_by       uuid        not null,
    relieved_at         timestamptz,
    relieved_by         uuid,
    relief_reason       bytea,
    constraint officer_designations_pkey primary key (designation_id)
);

create table workforce_trainings (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    training_id         uuid        not null,
    account_id          uuid        not null,
    topic               text        not null,
    status              text        not null,
    course              bytea       not null,
    given_by            bytea,
    completed_on        date        not null,
    valid_until         date,
    recorded_at         timestamptz not null,
    recorded_by         uuid        not null,
    entered_in_error_at timestamptz,
    error_reason        bytea,
    constraint workforce_trainings_pkey primary key (training_id)
);

-- once the rows are there
create index compliance_findings_listed on compliance_findings (organization_id, created_at, finding_id);
create index compliance_findings_open on compliance_findings (organization_id, status, created_at, finding_id);
create index legal_holds_listed on legal_holds (organization_id, created_at, hold_id);
create index legal_hold_patients_by_patient on legal_hold_patients (organization_id, patient_id, hold_id);
create index officer_designations_listed on officer_designations (organization_id, created_at, designation_id);
create index workforce_trainings_listed on workforce_trainings (organization_id, created_at, training_id);
create index workforce_trainings_of_account on workforce_trainings (organization_id, account_id, created_at, training_id);

alter table compliance_findings enable row level security, force row level security;
create policy compliance_findings_seen on compliance_findings for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id));
create policy compliance_findings_kept on compliance_findings to anamnesis_projector using (true) with check (true);
grant select on compliance_findings to anamnesis_reader, anamnesis_auditor;
grant select, insert, update, delete on compliance_findings to anamnesis_projector;

alter table legal_holds enable row level security, force row level security;
create policy legal_holds_seen on legal_holds for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id));
create policy legal_holds_kept on legal_holds to anamnesis_projector using (true) with check (true);
grant select on legal_holds to anamnesis_reader, anamnesis_auditor;
grant select, insert, update, delete on legal_holds to anamnesis_projector;

alter table legal_hold_patients enable row level security, force row level security;
create policy legal_hold_patients_seen on legal_hold_patients for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id));
create policy legal_hold_patients_kept on legal_hold_patients to anamnesis_projector using (true) with check (true);
grant select on legal_hold_patients to anamnesis_reader, anamnesis_auditor;
grant select, insert, update, delete on legal_hold_patients to anamnesis_projector;

alter table officer_designations enable row level security, force row level security;
create policy officer_designations_seen on officer_designations for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id));
create policy officer_designations_kept on officer_designations to anamnesis_projector using (true) with check (true);
grant select on officer_designations to anamnesis_reader, anamnesis_auditor;
grant select, insert, update, delete on officer_designations to anamnesis_projector;

alter table workforce_trainings enable row level security, force row level security;
create policy workforce_trainings_seen on workforce_trainings for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id));
create policy workforce_trainings_kept on workforce_trainings to anamnesis_projector using (true) with check (true);
grant select on workforce_trainings to anamnesis_reader, anamnesis_auditor;
grant select, insert, update, delete on workforce_trainings to anamnesis_projector;
