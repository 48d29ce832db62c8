create table audit_logs (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    event_id        uuid        not null,
    user_id         uuid        not null,
    session_id      uuid,
    action          text        not null,
    event_type      text        not null,
    resource_type   text        not null,
    resource_id     uuid        not null,
    success         boolean     not null,
    new_values      bytea,
    ip_address      bytea,
    user_agent      bytea,
    request_id      uuid,
    request_route   text,
    purpose         text,
    justification   bytea,
    command_id      uuid        not null,
    correlation_id  uuid        not null,
    causation_id    uuid,
    constraint audit_logs_pkey primary key (event_id)
);

-- once the rows are there
create unique index audit_logs_by_position on audit_logs (position);
create index audit_logs_listed on audit_logs (organization_id, created_at, event_id);
create index audit_logs_of_user on audit_logs (organization_id, user_id, created_at, event_id);
create index audit_logs_of_resource on audit_logs (organization_id, resource_id, created_at, event_id);
create index audit_logs_of_type on audit_logs (organization_id, resource_type, created_at, event_id);

alter table audit_logs enable row level security, force row level security;
create policy audit_logs_seen on audit_logs for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id));
create policy audit_logs_read_back on audit_logs for select to anamnesis_projector using (true);
create policy audit_logs_added on audit_logs for insert to anamnesis_projector with check (true);
grant select on audit_logs to anamnesis_reader, anamnesis_auditor;
grant select, insert on audit_logs to anamnesis_projector;
create trigger audit_logs_are_immutable before update or delete or truncate on audit_logs
    for each statement execute function journal.refuse_change();
