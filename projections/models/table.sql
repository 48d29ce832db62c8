create table ai_models (
    organization_id       uuid        not null,
    subject_id            uuid        not null,
    position              bigint      not null,
    sequence              bigint      not null,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    model_id              uuid        not null,
    name                  text        not null,
    model_type            text        not null,
    registered_at         timestamptz not null,
    version               text        not null,
    status                text        not null,
    is_active             boolean     not null,
    description           bytea,
    provider              bytea,
    file_path             bytea,
    file_sha256           text,
    accuracy_score        double precision,
    training_data_size    bigint,
    training_completed_at timestamptz,
    metadata              bytea,
    versions              bytea       not null,
    constraint ai_models_pkey primary key (model_id)
);

-- once the rows are there
create index ai_models_listed on ai_models (organization_id, created_at, model_id);
create index ai_models_named on ai_models (organization_id, name);

alter table ai_models enable row level security, force row level security;
create policy ai_models_seen on ai_models for select to anamnesis_reader
    using (read.may_see_directory(organization_id));
create policy ai_models_kept on ai_models to anamnesis_projector using (true) with check (true);
grant select on ai_models to anamnesis_reader;
grant select, insert, update, delete on ai_models to anamnesis_projector;
