# shellcheck shell=bash
# Postgres, for the stack. Sourced by stack.sh.

# The newest server programs on this machine.
postgres_bin() {
    local folder
    if [ -n "${ANAMNESIS_POSTGRES_BIN-}" ]; then
        echo "$ANAMNESIS_POSTGRES_BIN" && return
    fi
    folder=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort | tail -n 1)
    if [ -x "$folder/initdb" ]; then
        echo "$folder"
    elif has initdb; then
        dirname "$(command -v initdb)"
    else
        return 1
    fi
}

# The port and password, for whichever engine runs it.
postgres_choose() {
    postgres_is_up || choose_port postgres/port
    kept postgres/password random_password >/dev/null
}

postgres_env() {
    local port password url
    port=$(chosen postgres/port)
    password=$(chosen postgres/password)
    url=$(postgres_url)
    echo "export ANAMNESIS_STACK_POSTGRES_PORT='$port'"
    echo "export ANAMNESIS_STACK_POSTGRES_PASSWORD='$password'"
    echo "export ANAMNESIS_TEST_DATABASE_URL='$url'"
}

# As a superuser.
postgres_url() { echo "postgres://postgres:$(<"$STACK/postgres/password")@127.0.0.1:$(<"$STACK/postgres/port")/postgres"; }

postgres_is_up() { [ -e "$STACK/postgres/port" ] && ! port_is_free "$(<"$STACK/postgres/port")" && postgres_is_ours; }

# Another program may have taken the port while the stack was down.
postgres_is_ours() {
    case "$(engine)" in
        docker) [ -n "$(compose ps --quiet --status running postgres)" ] ;;
        native) postgres_ctl status >/dev/null 2>&1 ;;
    esac
}

postgres_up() {
    postgres_is_up && return
    local home
    home=$(postgres_home)
    as_server test -d "$home/data" || postgres_init "$home"
    say "starting Postgres on 127.0.0.1:$(<"$STACK/postgres/port")"
    { echo "include '$home/data/postgresql.conf'" && cat stack/postgresql.conf; } >"$home/postgresql.conf"
    postgres_ctl start --silent --wait --log="$home/log" --options="$(postgres_options "$home")" >&2 || {
        as_server tail -n 20 "$home/log" >&2
        die "Postgres doesn't start"
    }
}

postgres_ready() { :; } # pg_ctl waited

postgres_down() {
    postgres_ctl status >/dev/null 2>&1 || return 0
    postgres_ctl stop --silent --wait --mode=fast
}

postgres_remove() {
    [ -e "$STACK/postgres/home" ] || return 0
    rm -rf "$(<"$STACK/postgres/home")"
}

# Ours after what initdb found out about this machine; a copy, because the server's user may be unable to read the
# project's folder. $POSTGRES_EXTRA is for tests.
postgres_options() { echo "-c 'config_file=$1/postgresql.conf' -p $(<"$STACK/postgres/port") ${POSTGRES_EXTRA-}"; }

postgres_ctl() {
    local action=$1 home
    shift
    [ -e "$STACK/postgres/home" ] || return 1
    home=$(<"$STACK/postgres/home")
    as_server "$(postgres_bin)/pg_ctl" "$action" --pgdata="$home/data" "$@"
}

# First under another name, so that an initdb that was interrupted is begun anew.
postgres_init() {
    local home=$1
    say "making a Postgres cluster in $home"
    rm -rf "$home/unfinished" "$home/password"
    install --mode=600 "$STACK/postgres/password" "$home/password"
    own_by_server "$home/password"
    as_server "$(postgres_bin)/initdb" --pgdata="$home/unfinished" --username=postgres --pwfile="$home/password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C --data-checksums --no-instructions >/dev/null
    rm "$home/password"
    mv "$home/unfinished" "$home/data"
}

# A folder of the server's user: in the stack, or, where that user can't reach it (below /root, say), in /var/tmp.
postgres_home() { kept postgres/home make_postgres_home; }

make_postgres_home() {
    local home=$PWD/$STACK/postgres/server
    mkdir -p "$home"
    own_by_server "$home"
    if ! (cd / && as_server test -x "$home"); then
        rmdir "$home"
        home=$(mktemp --directory /var/tmp/anamnesis-stack.XXXXXX)
        own_by_server "$home"
    fi
    echo "$home"
}

# PostgreSQL refuses root, so root lends it another account.
server_user() { if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi; }

own_by_server() { ! is_root || chown "$(server_user):" "$1"; }

# Without the test's lock, which a server would keep when we are gone.
as_server() {
    local as=()
    ! is_root || as=(setpriv --reuid="$(server_user)" --regid="$(id -g "$(server_user)")" --clear-groups)
    if [ -n "${TEST_LOCK-}" ]; then
        (cd / && exec "${as[@]}" "$@" {TEST_LOCK}>&-)
    else
        (cd / && exec "${as[@]}" "$@")
    fi
}
