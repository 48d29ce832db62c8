-- Which events does a projection leave where they are, because they can't be opened, decoded or applied?
--
-- The stream of such an event is parked for that projection: whatever comes of it later waits behind the poison, in order,
-- and all other streams go on. What waits is named by its position, for the events are in the log. All of it is written in
-- the transaction that moves the checkpoint, so that an event is folded or parked, and that once. A projection that must not
-- go on without an event (what decides access, what was done) stands still before it; it is noted here too, so that
-- operators find both in one place.

alter table journal.checkpoints add column parking bigint not null default 0;
comment on column journal.checkpoints.parking is 'rises whenever what is parked changes: whoever remembers it reads it again';

-- One row a stream. `asked_at`: an operator wants it to be tried again, which only who moves the checkpoint may do.
create table journal.parked (
    consumer        text        not null,
    aggregate_type  text        not null,
    aggregate_id    uuid        not null,
    organization_id uuid        not null,
    position        bigint      not null,
    reason          text        not null constraint parked_reasons check (
                        reason in ('altered', 'unopenable', 'undecodable', 'unfoldable', 'row refused', 'row damaged')),
    stands_still    boolean     not null,
    attempts        integer     not null default 1,
    parked_at       timestamptz not null default clock_timestamp(),
    tried_at        timestamptz not null default clock_timestamp(),
    asked_at        timestamptz,
    constraint parked_once primary key (consumer, aggregate_type, aggregate_id)
);
comment on column journal.parked.position is 'the poison: the first event of the stream that can''t be taken';
comment on column journal.parked.stands_still is 'the whole projection waits before it, not only the stream';

-- What waits: the poison and all that came of its stream since.
create table journal.parked_events (
    consumer       text   not null,
    position       bigint not null,
    aggregate_type text   not null,
    aggregate_id   uuid   not null,
    constraint parked_events_once primary key (consumer, position),
    constraint parked_events_of_stream foreign key (consumer, aggregate_type, aggregate_id) references journal.parked on delete cascade
);
create index parked_events_in_order on journal.parked_events (consumer, aggregate_type, aggregate_id, position);

-- Poison that a projection goes on without. `command_id` is that of the event in the log that says who decided so, and why.
create table journal.skipped (
    consumer   text        not null,
    position   bigint      not null,
    command_id uuid        not null,
    skipped_at timestamptz not null default clock_timestamp(),
    constraint skipped_once primary key (consumer, position)
);

grant select, insert, update, delete on journal.parked, journal.parked_events to anamnesis_projector;
grant select on journal.skipped to anamnesis_projector;
-- operators ask and skip as whoever appends
grant select, update (asked_at) on journal.parked to anamnesis_writer;
grant select, insert on journal.skipped to anamnesis_writer;
grant select on journal.parked_events to anamnesis_writer;
-- who reads a read model learns what it lacks
grant select on journal.parked, journal.parked_events to anamnesis_reader;
grant select on journal.parked, journal.parked_events, journal.skipped to anamnesis_auditor;
