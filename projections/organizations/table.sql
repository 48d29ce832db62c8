create table organizations (
    organization_id uuid        not null,
    subject_id      uuid        not null,
    position        bigint      not null,
    sequence        bigint      not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    tenant_id       uuid        not null,
    slug            text,
    status          text        not null,
    name            bytea       not null,
    registered_at   timestamptz not null,
    closed_at       timestamptz,
    closing_reason  bytea,
    constraint organizations_pkey primary key (tenant_id)
);

-- once the rows are there
create index organizations_listed on organizations (organization_id, created_at, tenant_id);
create index organizations_by_slug on organizations (slug);

alter table organizations enable row level security, force row level security;
create policy organizations_seen on organizations for select to anamnesis_reader
    using (read.may_see_directory(organization_id));
create policy organizations_kept on organizations to anamnesis_projector using (true) with check (true);
grant select on organizations to anamnesis_reader;
grant select, insert, update, delete on organizations to anamnesis_projector;
