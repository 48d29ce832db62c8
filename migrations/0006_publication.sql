-- How far has the log been copied to Kafka, by whom, and under which ids of the schema registry? Everything here is about
-- Kafka and can be found out again by looking there; it saves the looking, and it notices when Kafka says otherwise.

-- Who copies: a lease with an epoch, as in `journal.head`. Kafka itself fences an earlier publisher's records; this row
-- fences its word on how far it came, and keeps two that are both well from pushing each other out.
create table journal.publisher (
    only_one   boolean     not null default true constraint publisher_only_one primary key check (only_one),
    epoch      bigint      not null,
    holder     text,
    expires_at timestamptz not null,
    position   bigint      not null
);
comment on column journal.publisher.position is 'every event up to here is in Kafka, or was';
insert into journal.publisher (epoch, expires_at, position) values (0, '-infinity', 0);

-- The last position in each partition: what the next record there names as the one before it.
create table journal.published (
    topic     text    not null,
    partition integer not null,
    position  bigint  not null,
    constraint published_once primary key (topic, partition)
);

-- Under which ids the registry knows our schemas. `ordinal` is the order in which they were registered first, so that a
-- registry that has lost its memory is told again in the same order and gives the same ids.
create table journal.registered_schemas (
    ordinal     bigint  generated always as identity,
    subject     text    not null constraint registered_schemas_once primary key,
    schema_id   integer not null,
    fingerprint bytea   not null constraint registered_schemas_fingerprint_of_8_bytes check (octet_length(fingerprint) = 8)
);

-- What was proved about Kafka's copy, signed by the log's key: Kafka may forget what is before. The newest counts.
create table journal.publication_statements (
    number    bigint      generated always as identity constraint publication_statements_once primary key,
    note      text        not null,
    signed_at timestamptz not null default clock_timestamp()
);
create trigger publication_statements_are_immutable before update or delete or truncate on journal.publication_statements
    for each statement execute function journal.refuse_change();

-- Takes the lease if nobody holds it, by the database's clock; answers the new epoch, or null.
create function journal.lead_publication(my_name text, lease interval) returns bigint
language sql
begin atomic
    update journal.publisher
    set epoch = epoch + 1,
        holder = my_name,
        expires_at = clock_timestamp() + lease
    where expires_at < clock_timestamp()
        -- no lease is that long: the clock was set back
        or expires_at > clock_timestamp() + greatest(lease, interval '1 minute')
    returning epoch;
end;

-- Says how far Kafka's copy has come, and keeps the lease. Answers whether the epoch is still the present one; if not,
-- nothing is changed. (A topic that somebody deleted begins anew, so the leader's word counts backwards as well.)
create function journal.move_publication(
    my_epoch bigint, lease interval, my_position bigint, topics text[], partitions integer[], positions bigint[])
returns boolean
language sql
as $$
    with moved as (
        update journal.publisher
        set position = my_position,
            expires_at = clock_timestamp() + lease
        where epoch = my_epoch
        returning 1),
    tails as (
        insert into journal.published (topic, partition, position)
        select tail.topic, tail.partition, tail.position
        from moved, unnest(topics, partitions, positions) as tail (topic, partition, position)
        on conflict (topic, partition) do update set position = excluded.position)
    select exists (select from moved)
$$;

revoke all on function journal.lead_publication(text, interval), journal.move_publication(bigint, interval, bigint, text[], integer[], bigint[])
    from public;
grant execute on function journal.lead_publication(text, interval), journal.move_publication(bigint, interval, bigint, text[], integer[], bigint[])
    to anamnesis_writer;
grant select, update on journal.publisher to anamnesis_writer;
grant select, insert, update on journal.published to anamnesis_writer;
grant select, insert on journal.registered_schemas, journal.publication_statements to anamnesis_writer;
grant select on journal.publisher, journal.published, journal.registered_schemas, journal.publication_statements to anamnesis_projector, anamnesis_auditor;
