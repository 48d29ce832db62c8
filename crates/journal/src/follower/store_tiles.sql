-- Full tiles never change, so one that is already there is either the same or a sign that somebody altered it or the
-- log: then nothing is stored and the first such tile is the answer.
with tile as (
    select level, index, hashes
    from unnest($1::int[], $2::bigint[], $3::bytea[]) as tile (level, index, hashes)),
other as (
    select level, index
    from tile
    join journal.tiles as stored using (level, index)
    where stored.hashes <> tile.hashes
    order by level, index
    limit 1),
stored as (
    insert into journal.tiles (level, index, hashes)
    select level, index, hashes
    from tile
    where not exists (select from other)
    order by level, index
    on conflict (level, index) do nothing),
moved as (
    insert into journal.checkpoints as checkpoint (consumer, position)
    select $4, $5
    where not exists (select from other)
    on conflict (consumer, partition) do update set position = greatest(checkpoint.position, excluded.position))
select level, index
from other
