# shellcheck shell=bash
# The newest PostgreSQL, which is seldom the distribution's, for a part of ./dev test and of ./dev bench. Sourced by stack.sh.
#
# A stack of Postgres alone inside the stack, with programs from Maven: a server, and no clients.

newest_postgres_up() (
    newest_postgres
    mkdir -p "$STACK"
    echo native >"$STACK/engine"
    postgres_choose
    newest_postgres_programs
    postgres_up
)

newest_postgres_url() (
    newest_postgres
    postgres_url
)

newest_postgres_remove() (
    [ -d "$STACK/newest-postgres" ] || exit 0
    newest_postgres
    postgres_down
    postgres_remove
    rm -rf "$STACK"
)

# For the rest of a subshell.
newest_postgres() {
    STACK=$STACK/newest-postgres
    ANAMNESIS_POSTGRES_BIN=$(postgres_home)/programs/bin
}

# Where the server's user reaches them, which may be unable to read the cache of ours.
newest_postgres_programs() {
    python3 -m tarfile --extract "$(java_parts)/postgres.txz" "${ANAMNESIS_POSTGRES_BIN%/bin}"
}
