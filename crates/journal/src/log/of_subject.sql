-- What was sealed under one subject's keys, in the log's order.
select *
from journal.entries
where subject_id = $1
  and position > $2
  and position <= $3
order by position
limit $4
