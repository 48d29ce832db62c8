-- What stands at some positions.
select *
from journal.entries
where position = any($1)
order by position
