-- One stream as far as it is in the log.
select *
from journal.entries
where aggregate_type = $1
  and aggregate_id = $2
  and sequence > $3
order by sequence
limit $4
