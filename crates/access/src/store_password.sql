-- An account's password from now on. $6: the command had been carried out before; then only if what is there is older than it.
insert into identity.credentials (account_id, organization_id, email_index, password_hash, changed_at)
values ($1, $2, $3, $4, $5)
on conflict (account_id) do update
set email_index = excluded.email_index,
    password_hash = excluded.password_hash,
    changed_at = greatest(excluded.changed_at, credentials.changed_at)
where not $6 or credentials.changed_at < excluded.changed_at
