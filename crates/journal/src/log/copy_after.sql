-- The entries after a position and up to another, each beside the head, so that one snapshot tells whether any is missing.
copy (
    select
        (select position from journal.head) as head_position,
        entries.*
    from journal.entries
    where position > {after}
      and position <= {up_to}
    order by position)
to stdout (format binary)
