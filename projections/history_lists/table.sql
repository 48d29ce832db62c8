create table conditions (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    patient_id      uuid        not null,
    entry_id        uuid        not null,
    status          text        not null,
    status_reason   bytea,
    codes           text[]      not null,
    code            bytea       not null,
    severity        bytea,
    onset           date,
    ended           date,
    note            bytea,
    record_id       uuid,
    recorded_at     timestamptz not null,
    constraint conditions_pkey primary key (patient_id, entry_id)
);

create table allergies (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    patient_id      uuid        not null,
    entry_id        uuid        not null,
    status          text        not null,
    status_reason   bytea,
    categories      text[]      not null,
    criticality     text,
    codes           text[]      not null,
    code            bytea       not null,
    reactions       bytea,
    onset           date,
    ended           date,
    note            bytea,
    record_id       uuid,
    recorded_at     timestamptz not null,
    constraint allergies_pkey primary key (patient_id, entry_id)
);

create table medications (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    patient_id      uuid        not null,
    entry_id        uuid        not null,
    status          text        not null,
    status_reason   bytea,
    codes           text[]      not null,
    code            bytea       not null,
    dosage          bytea,
    reasons         bytea,
    prescriber_id   uuid,
    onset           date,
    ended           date,
    note            bytea,
    record_id       uuid,
    recorded_at     timestamptz not null,
    constraint medications_pkey primary key (patient_id, entry_id)
);

-- once the rows are there
create index conditions_of_patient on conditions (organization_id, patient_id, created_at, entry_id);

alter table conditions enable row level security, force row level security;
create policy conditions_seen on conditions for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy conditions_kept on conditions to anamnesis_projector using (true) with check (true);
grant select on conditions to anamnesis_reader;
grant select, insert, update, delete on conditions to anamnesis_projector;

create index allergies_of_patient on allergies (organization_id, patient_id, created_at, entry_id);

alter table allergies enable row level security, force row level security;
create policy allergies_seen on allergies for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy allergies_kept on allergies to anamnesis_projector using (true) with check (true);
grant select on allergies to anamnesis_reader;
grant select, insert, update, delete on allergies to anamnesis_projector;

create index medications_of_patient on medications (organization_id, patient_id, created_at, entry_id);

alter table medications enable row level security, force row level security;
create policy medications_seen on medications for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy medications_kept on medications to anamnesis_projector using (true) with check (true);
grant select on medications to anamnesis_reader;
grant select, insert, update, delete on medications to anamnesis_projector;
