-- What did the publisher find when it last compared Kafka's copy with the log? For whoever asks how the publication is
-- (`doctor`), in another process and while Kafka is away. What is proved for good is in `journal.publication_statements`.
create table journal.publication_check (
    only_one      boolean     not null default true constraint publication_check_only_one primary key check (only_one),
    checked_at    timestamptz not null default clock_timestamp(),
    up_to         bigint      not null,
    findings      integer     not null,
    first_finding text,
    constraint publication_check_names_what_it_found check ((findings > 0) = (first_finding is not null))
);
comment on column journal.publication_check.up_to is 'everything published up to here was looked at';

grant select, insert, update on journal.publication_check to anamnesis_writer;
grant select on journal.publication_check to anamnesis_projector, anamnesis_auditor;
