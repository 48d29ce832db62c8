create table health_insights (
    organization_id  uuid        not null,
    subject_id       uuid        not null,
    position         bigint      not null,
    sequence         bigint      not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    insight_id       uuid        not null,
    patient_id       uuid        not null,
    insight_type     text        not null,
    status           text        not null,
    title            bytea       not null,
    description      bytea,
    data             bytea       not null,
    confidence_score double precision,
    model_name       text,
    model_version    text,
    record_ids       uuid[]      not null,
    generated_at     timestamptz not null,
    expires_at       timestamptz,
    is_actionable    boolean     not null,
    reviewed_at      timestamptz,
    reviewed_by      uuid,
    review_note      bytea,
    action_taken     boolean     not null,
    action_taken_at  timestamptz,
    action_taken_by  uuid,
    action_note      bytea,
    dismissed_at     timestamptz,
    dismissed_by     uuid,
    dismissal_reason bytea,
    expired_at       timestamptz,
    feedback         text,
    feedback_at      timestamptz,
    feedback_by      uuid,
    feedback_reason  bytea,
    constraint health_insights_pkey primary key (insight_id)
);

-- once the rows are there
create index health_insights_of_patient on health_insights (organization_id, patient_id, generated_at, insight_id);
create index health_insights_listed on health_insights (organization_id, generated_at, insight_id);
create index health_insights_by_feedback on health_insights (organization_id, feedback, generated_at, insight_id) where feedback is not null;
create index health_insights_to_expire on health_insights (expires_at, insight_id) where status in ('GENERATED', 'REVIEWED') and expires_at is not null;
create index health_insights_by_type on health_insights (organization_id, insight_type, generated_at, insight_id);

alter table health_insights enable row level security, force row level security;
create policy health_insights_seen on health_insights for select to anamnesis_reader
    using (read.may_see_person(organization_id, subject_id));
create policy health_insights_kept on health_insights to anamnesis_projector using (true) with check (true);
grant select on health_insights to anamnesis_reader;
grant select, insert, update, delete on health_insights to anamnesis_projector;
