-- How far is each projection, and who works on it?
--
-- A projection follows the log itself, whose checkpoint has the partition 0, or the partitions of its topics. The first
-- says: everything up to here is folded in. Each of the others says it of its own partition. Both only rise, so that a
-- projection can go over from the log to Kafka and back: of a partition everything up to the higher of the two is folded
-- in, and is dropped when it comes again.

-- What the rows of a projection reflect, whatever it follows. A partition that hasn't been begun counts as 0; the rows of
-- all partitions are made together.
create view journal.reached as
select consumer,
       greatest(max(position) filter (where partition = 0), min(position) filter (where partition > 0)) as position
from journal.checkpoints
group by consumer;

-- Who moves a checkpoint, and whether they are well. Whoever does says so every few seconds; the epoch is the
-- checkpoint's, so that one who was relieved says nothing any more.
create table journal.projectors (
    consumer  text        not null,
    partition integer     not null,
    epoch     bigint      not null,
    process   text        not null,
    status    text        not null constraint projectors_status check (status in ('running', 'waiting', 'stopped')),
    problem   text,
    seen_at   timestamptz not null,
    constraint projectors_once primary key (consumer, partition)
);
comment on column journal.projectors.problem is 'for operators: what it waits for, or what stopped it';

grant select on journal.reached, journal.projectors to anamnesis_writer, anamnesis_projector, anamnesis_reader, anamnesis_auditor;
grant insert, update on journal.projectors to anamnesis_projector;
-- whoever serves tells how far the log is published
grant select on journal.publisher to anamnesis_reader;
