create table compliance_logs (
    organization_id        uuid        not null,
    subject_id             uuid        not null,
    position               bigint      not null,
    sequence               bigint      not null,
    created_at             timestamptz not null,
    updated_at             timestamptz not null,
    event_id               uuid        not null,
    event_type             text        not null,
    description            text        not null,
    severity               text        not null,
    affected_users         uuid[]      not null,
    affected_resource_type text        not null,
    affected_resource_id   uuid        not null,
    compliance_rule        text        not null,
    hipaa_category         text        not null,
    data_classification    text        not null,
    constraint compliance_logs_pkey primary key (event_id)
);

-- once the rows are there
create unique index compliance_logs_by_position on compliance_logs (position);
create index compliance_logs_listed on compliance_logs (organization_id, created_at, event_id);
create index compliance_logs_by_severity on compliance_logs (organization_id, severity, created_at, event_id);

alter table compliance_logs enable row level security, force row level security;
create policy compliance_logs_seen on compliance_logs for select to anamnesis_reader, anamnesis_auditor
    using (read.may_see_audit(organization_id));
create policy compliance_logs_read_back on compliance_logs for select to anamnesis_projector using (true);
create policy compliance_logs_added on compliance_logs for insert to anamnesis_projector with check (true);
grant select on compliance_logs to anamnesis_reader, anamnesis_auditor;
grant select, insert on compliance_logs to anamnesis_projector;
create trigger compliance_logs_are_immutable before update or delete or truncate on compliance_logs
    for each statement execute function journal.refuse_change();
