-- What is still to be done outside because of events, and how far has each reactor looked?
--
-- A reactor notes the events that it acts upon in the transaction that moves its checkpoint on: each is noted once, and none
-- is passed over. What it then does outside can't be in a transaction of ours, so it is done at least once, every time under
-- the same identity, made of the reactor and the position; the note goes when it is done. Nothing of the event stands here,
-- only where it is: what has been erased is erased here too. No rebuild reads or writes these tables.
create table journal.reactors (
    reactor    text        not null constraint reactors_once primary key,
    position   bigint      not null,
    started_at timestamptz not null default clock_timestamp()
);
comment on column journal.reactors.position is 'everything up to here was looked at; at first the end of the log, for what is long past is no news';

-- `due_at`: who begins an attempt puts the next one off, so that nobody else begins one meanwhile.
create table journal.outbox (
    reactor     text        not null constraint outbox_of_reactor references journal.reactors,
    position    bigint      not null,
    attempts    integer     not null default 0,
    noted_at    timestamptz not null default clock_timestamp(),
    due_at      timestamptz not null default clock_timestamp(),
    failure     text,
    given_up_at timestamptz,
    constraint outbox_once primary key (reactor, position)
);
comment on column journal.outbox.failure is 'why the last attempt failed, in our words: never what a receiver said';
create index outbox_due on journal.outbox (reactor, due_at, position) where given_up_at is null;

grant select, insert, update on journal.reactors to anamnesis_projector;
grant select, insert, update, delete on journal.outbox to anamnesis_projector;
-- operators look, and ask for another attempt
grant select on journal.reactors, journal.outbox to anamnesis_writer, anamnesis_reader, anamnesis_auditor;
grant update (attempts, due_at, given_up_at) on journal.outbox to anamnesis_writer;
