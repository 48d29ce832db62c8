-- What is there to know about the keys, without what would open them?
select k.key_id, k.organization_id, k.subject_id, k.purpose, k.version, k.algorithm, k.state,
       k.active_from, k.active_to, k.rotated_at,
       array(select w.provider from unnest(k.wraps) as w) as providers,
       array(select w.wrapping_key_id from unnest(k.wraps) as w) as wrapping_key_ids,
       array(select w.epoch from unnest(k.wraps) as w) as epochs
from journal.keys as k
where ($1::uuid is null or k.organization_id = $1)
  and ($2::uuid is null or k.subject_id = $2)
  and ($3::uuid is null or k.key_id > $3)
order by k.key_id
limit $4
