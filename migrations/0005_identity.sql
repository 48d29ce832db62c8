-- What must be mutable about people who sign in, and must never be an event: password hashes and sessions.

create table identity.credentials (
    account_id      uuid        not null constraint credentials_one_per_account primary key,
    organization_id uuid        not null,
    email_index     bytea       not null constraint credentials_email_taken unique,
    password_hash   text        not null,
    changed_at      timestamptz not null
);
comment on column identity.credentials.email_index is 'keyed hash of the normalised address: to find an account at sign-in, in the whole installation';

create table identity.sessions (
    session_id      uuid        not null constraint sessions_once primary key,
    token_hash      bytea       not null constraint sessions_token_once unique,
    account_id      uuid        not null,
    organization_id uuid        not null,
    created_at      timestamptz not null,
    last_seen_at    timestamptz not null,
    expires_at      timestamptz not null
);
create index sessions_of_account on identity.sessions (account_id);

grant usage on schema identity to anamnesis_writer;
grant select, insert, update, delete on identity.credentials, identity.sessions to anamnesis_writer;
