create table users (
    organization_id     uuid        not null,
    subject_id          uuid        not null,
    position            bigint      not null,
    sequence            bigint      not null,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    user_id             uuid        not null,
    email               bytea       not null,
    email_index         bytea       not null,
    status              text        not null,
    patient_id          uuid,
    provider_id         uuid,
    last_login          timestamptz,
    failed_login_count  integer     not null,
    account_locked_at   timestamptz,
    locked_until        timestamptz,
    lock_cause          text,
    terms_accepted_at   timestamptz,
    terms_version       text,
    privacy_accepted_at timestamptz,
    privacy_version     text,
    password_changed_at timestamptz,
    deactivated_at      timestamptz,
    constraint users_pkey primary key (user_id)
);

create table user_profiles (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    user_id         uuid        not null,
    display_name    bytea       not null,
    phone           bytea,
    phone_index     bytea,
    time_zone       text,
    constraint user_profiles_pkey primary key (user_id)
);

create table user_roles (
    organization_id   uuid        not null,
    subject_id        uuid        not null,
    position          bigint      not null,
    sequence          bigint      not null,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    user_id           uuid        not null,
    role              text        not null,
    scope_id          uuid        not null,
    facility_id       uuid,
    assigned_by       uuid        not null,
    assigned_at       timestamptz not null,
    expires_at        timestamptz,
    is_active         boolean     not null,
    revoked_by        uuid,
    revoked_at        timestamptz,
    revocation_reason bytea,
    constraint user_roles_pkey primary key (user_id, role, scope_id)
);

-- once the rows are there
create index users_listed on users (organization_id, created_at, user_id);
create index users_by_email on users (organization_id, email_index);
create index users_of_patient on users (organization_id, patient_id) where patient_id is not null;
create index users_of_provider on users (organization_id, provider_id) where provider_id is not null;

alter table users enable row level security, force row level security;
create policy users_seen on users for select to anamnesis_reader
    using (read.may_see_account(organization_id, user_id));
create policy users_kept on users to anamnesis_projector using (true) with check (true);
grant select on users to anamnesis_reader;
grant select, insert, update, delete on users to anamnesis_projector;

create index user_profiles_by_phone on user_profiles (organization_id, phone_index) where phone_index is not null;

alter table user_profiles enable row level security, force row level security;
create policy user_profiles_seen on user_profiles for select to anamnesis_reader
    using (read.may_see_account(organization_id, user_id));
create policy user_profiles_kept on user_profiles to anamnesis_projector using (true) with check (true);
grant select on user_profiles to anamnesis_reader;
grant select, insert, update, delete on user_profiles to anamnesis_projector;

create index user_roles_by_role on user_roles (organization_id, role, user_id) where is_active;

alter table user_roles enable row level security, force row level security;
create policy user_roles_seen on user_roles for select to anamnesis_reader
    using (read.may_see_account(organization_id, user_id));
create policy user_roles_kept on user_roles to anamnesis_projector using (true) with check (true);
grant select on user_roles to anamnesis_reader;
grant select, insert, update, delete on user_roles to anamnesis_projector;
