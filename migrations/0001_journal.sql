-- The journal: what has happened, sealed, in the order in which it was written; and the log: the same in one total
-- order that can be proved. Everything else in this database is computed from these tables or is a key to them.

create extension if not exists btree_gist;

create schema journal;
create schema identity;
create schema audit;
create schema read;

-- Roles belong to the cluster, so another database of it may have made them already.
do $$
declare role text;
begin
    foreach role in array array['anamnesis_owner', 'anamnesis_writer', 'anamnesis_projector', 'anamnesis_reader', 'anamnesis_auditor'] loop
        begin
            execute format('create role %I nologin', role);
        exception when duplicate_object or unique_violation then null;
        end;
    end loop;
end $$;

-- One row an event. The primary key is the optimistic lock: whoever writes a stream's next sequence first has won.
create table journal.events (
    arrival             bigint generated always as identity (cache 1),
    organization_id     uuid        not null,
    aggregate_type      text        not null,
    aggregate_id        uuid        not null,
    sequence            bigint      not null constraint events_sequence_from_one check (sequence > 0),
    event_id            uuid        not null,
    event_type          text        not null,
    event_version       integer     not null,
    fingerprint         bytea       not null constraint events_fingerprint_of_8_bytes check (octet_length(fingerprint) = 8),
    subject_id          uuid        not null,
    metadata_subject_id uuid        not null,
    recorded_at         timestamptz not null,
    command_id          uuid        not null,
    correlation_id      uuid        not null,
    causation_id        uuid        not null,
    actor_id            uuid        not null,
    payload             bytea       not null,
    metadata            bytea       not null,
    row_hash            bytea       not null constraint events_row_hash_of_32_bytes check (octet_length(row_hash) = 32),
    constraint events_one_per_sequence primary key (aggregate_type, aggregate_id, sequence)
);
comment on column journal.events.causation_id is 'the nil UUID: nothing but the actor caused it';
comment on column journal.events.metadata is 'sealed under the metadata subject''s audit key; empty when there is nothing to say';

-- The queue between append and log, with all that a log entry needs. It has no index: the sequencer empties it from the bottom.
create table journal.unsequenced (
    arrival         bigint not null,
    command_id      uuid   not null,
    organization_id uuid   not null,
    aggregate_type  text   not null,
    aggregate_id    uuid   not null,
    sequence        bigint not null,
    subject_id      uuid   not null,
    row_hash        bytea  not null
) with (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = -1
);

-- The total order. `logged_at` never falls and is the time axis of "as of".
create table journal.log (
    position        bigint      not null constraint log_dense primary key,
    logged_at       timestamptz not null,
    arrival         bigint      not null,
    organization_id uuid        not null,
    aggregate_type  text        not null,
    aggregate_id    uuid        not null,
    sequence        bigint      not null,
    subject_id      uuid        not null,
    row_hash        bytea       not null
);
create index log_of_stream on journal.log (aggregate_id, sequence);
create index log_of_subject on journal.log (subject_id, position);
create index log_of_time on journal.log using brin (logged_at);

-- The end of the log, and who may move it: a lease with an epoch, so that a stopped leader that wakes up writes nothing.
create table journal.head (
    only_one   boolean     not null default true constraint head_only_one primary key check (only_one),
    epoch      bigint      not null,
    holder     text,
    expires_at timestamptz not null,
    position   bigint      not null,
    logged_at  timestamptz not null
);
insert into journal.head (epoch, expires_at, position, logged_at) values (0, '-infinity', 0, '2000-01-01');

-- The Merkle tree over the log (RFC 6962, C2SP tlog-tiles): full tiles only; the edge is recomputed.
create table journal.tiles (
    level  integer not null,
    index  bigint  not null,
    hashes bytea   not null constraint tiles_of_256_hashes check (octet_length(hashes) = 8192),
    constraint tiles_once primary key (level, index)
);

-- Signed tree heads, oldest first.
create table journal.tree_heads (
    size      bigint      not null constraint tree_heads_grow primary key,
    root      bytea       not null constraint tree_heads_root_of_32_bytes check (octet_length(root) = 32),
    note      text        not null,
    signed_at timestamptz not null
);

-- The state of a stream folded up to a sequence, sealed. Never needed: it only saves reading.
create table journal.snapshots (
    organization_id uuid    not null,
    aggregate_type  text    not null,
    aggregate_id    uuid    not null,
    sequence        bigint  not null,
    state_version   integer not null,
    state           bytea   not null,
    constraint snapshots_one_per_stream primary key (aggregate_type, aggregate_id)
);

-- What became of each command, for ever: asking twice has one effect and one answer.
create table journal.commands (
    organization_id uuid   not null,
    account_id      uuid   not null,
    command_id      uuid   not null,
    request_hash    bytea  not null,
    aggregate_type  text   not null,
    aggregate_id    uuid   not null,
    last_sequence   bigint not null,
    refusal         text,
    -- what tells most apart comes first, here and below: a search compares column by column
    constraint commands_once primary key (command_id, account_id, organization_id)
);
comment on column journal.commands.refusal is 'the rule that said no; null when it was accepted';

-- Values that must be unique, as keyed hashes. There is no index of the holders: only an erasure asks for them, seldom.
create table journal.claims (
    organization_id uuid    not null,
    kind            text    not null,
    key_version     integer not null,
    hash            bytea   not null,
    aggregate_type  text    not null,
    aggregate_id    uuid    not null,
    constraint claims_unique primary key (hash, organization_id, kind, key_version)
);

-- Times that must be free. The holder may move over its own slot.
create table journal.slots (
    organization_id uuid      not null,
    kind            text      not null constraint slots_kind check (kind in ('patient', 'provider')),
    resource_id     uuid      not null,
    during          tstzrange not null,
    holder_id       uuid      not null,
    constraint slots_no_double_booking
        -- what tells most apart comes first: the tree is built by it
        exclude using gist (resource_id with =, during with &&, organization_id with =, kind with =, holder_id with <>)
);
create index slots_of_holder on journal.slots (holder_id);

-- How far a consumer of the log has come. `epoch` fences an earlier worker of the same name.
create table journal.checkpoints (
    consumer  text   not null,
    partition integer not null default 0,
    epoch     bigint not null default 0,
    position  bigint not null default 0,
    constraint checkpoints_once primary key (consumer, partition)
);

-- Events and their order are facts: nobody changes them, the owner included.
create function journal.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_schema || '.' || tg_table_name using errcode = 'integrity_constraint_violation';
end $$;
create trigger events_are_immutable before update or delete or truncate on journal.events
    for each statement execute function journal.refuse_change();
create trigger log_is_immutable before update or delete or truncate on journal.log
    for each statement execute function journal.refuse_change();
create trigger tree_heads_are_immutable before update or delete or truncate on journal.tree_heads
    for each statement execute function journal.refuse_change();
create trigger receipts_are_immutable before update or delete or truncate on journal.commands
    for each statement execute function journal.refuse_change();

-- The same events as postgres-es names its columns, for reading one stream.
create view journal.streams with (security_invoker = true) as
select
    aggregate_type,
    aggregate_id::text as aggregate_id,
    sequence,
    event_type,
    event_version::text as event_version,
    json_build_object('s', replace(encode(payload, 'base64'), E'\n', '')) as payload,
    json_build_object(
        'organization_id', organization_id,
        'event_id', event_id,
        'fingerprint', encode(fingerprint, 'hex'),
        'subject_id', subject_id,
        'recorded_at', (extract(epoch from recorded_at) * 1000000)::bigint::text,
        'command_id', command_id,
        'correlation_id', correlation_id,
        'causation_id', causation_id,
        'actor_id', actor_id) as metadata,
    -- the id as the primary key has it: a stream is found by this column
    aggregate_id as stream_id
from journal.events;

-- What stands at each position. The event's columns are null where the event that the log names is gone.
create view journal.entries with (security_invoker = true) as
select
    log.position, log.logged_at, log.organization_id, log.aggregate_type, log.aggregate_id, log.sequence, log.subject_id, log.row_hash,
    event.event_id, event.event_type, event.event_version, event.fingerprint, event.metadata_subject_id, event.recorded_at,
    event.command_id, event.correlation_id, event.causation_id, event.actor_id, event.payload, event.metadata
from journal.log
left join lateral (
    select
        event_id, event_type, event_version, fingerprint, metadata_subject_id, recorded_at,
        command_id, correlation_id, causation_id, actor_id, payload, metadata
    from journal.events
    where aggregate_type = log.aggregate_type
      and aggregate_id = log.aggregate_id
      and sequence = log.sequence
      -- every position is: this says that no event is looked up twice, or the planner would remember each that was found
      and log.position > 0
    -- each by its key, whatever the statistics say
    offset 0) as event on true;

revoke all on schema journal, identity, audit, read from public;
grant usage on schema journal to anamnesis_writer, anamnesis_projector, anamnesis_auditor;
grant select, insert on journal.events, journal.unsequenced, journal.log, journal.tiles, journal.tree_heads, journal.commands, journal.claims, journal.slots to anamnesis_writer;
-- claims and slots are given back by the append; the queue is emptied by the sequencer
grant delete on journal.unsequenced, journal.claims, journal.slots to anamnesis_writer;
grant select, update on journal.head to anamnesis_writer;
grant select, insert, update, delete on journal.snapshots to anamnesis_writer;
grant select on journal.streams to anamnesis_writer;
grant select, insert, update on journal.checkpoints to anamnesis_writer, anamnesis_projector;
grant select on journal.events, journal.log, journal.head, journal.tiles, journal.tree_heads to anamnesis_projector, anamnesis_auditor;
grant select on journal.entries to anamnesis_writer, anamnesis_projector, anamnesis_auditor;
-- whoever reads a read model sees in the same snapshot how far it is
grant select on journal.checkpoints, journal.head to anamnesis_reader;
