# shellcheck shell=bash
# The servers of `./dev stack` and `./dev test`. Sourced by ./dev.
#
# A service is a file here with the functions <name>_choose (its port and secrets), _up (starts it), _ready (waits for
# it), _down, _is_up, _env and _remove, and a service in docker-compose.yml. Where a Docker engine answers, that runs it,
# on the same port with the same password; its settings are in a file that both read. Its state lies in $STACK/<name>/.

STACK=.stack
# Those first that start longest: they start side by side.
readonly SERVICES=(kafka registry redis postgres)

# shellcheck source=stack/process.sh
source stack/process.sh
# shellcheck source=stack/java.sh
source stack/java.sh
# shellcheck source=stack/kafka.sh
source stack/kafka.sh
# shellcheck source=stack/registry.sh
source stack/registry.sh
# shellcheck source=stack/redis.sh
source stack/redis.sh
# shellcheck source=stack/postgres.sh
source stack/postgres.sh
# shellcheck source=stack/newest_postgres.sh
source stack/newest_postgres.sh

# Debian's packages that the native servers need beyond what the project is built with.
stack_packages() {
    java_packages
    has redis-server || echo redis-server
}

stack_up() {
    mkdir -p "$STACK"
    each choose
    case "$(engine)" in
        docker)
            compose up --detach --wait
            registry_rule
            ;;
        native)
            fetch_java_parts
            each up
            each ready
            ;;
    esac
    engine >"$STACK/engine.new" && mv "$STACK/engine.new" "$STACK/engine"
}

# Also what is left of an `up` that failed.
stack_down() {
    [ -d "$STACK" ] || return 0
    case "$(engine)" in
        docker) compose stop ;;
        native) each down ;;
    esac
}

# Down, and nothing stays. (Only ever the stack of a test.)
remove_stack() {
    [ -d "$STACK" ] || return 0
    newest_postgres_remove || true
    each down || true
    each remove
    rm -rf "$STACK"
}

# A line for each service; fails if one is down.
stack_status() {
    local service status=0
    for service in "${SERVICES[@]}"; do
        if "${service}_is_up"; then
            echo "$service is up"
        else
            echo "$service is down"
            status=1
        fi
    done
    return "$status"
}

stack_env() { each env; }

each() {
    local service
    for service in "${SERVICES[@]}"; do
        "${service}_$1"
    done
}

# Whether a service answers, and not another program that took its port while the stack was down.
answers() {
    [ -e "$STACK/$1/port" ] && ! port_is_free "$(<"$STACK/$1/port")" || return 1
    case "$(engine)" in
        docker) [ -n "$(compose ps --quiet --status running "$1")" ] ;;
        native) runs "$1" ;;
    esac
}

# A value of the settings that the native server shares with Docker's.
setting() { sed -n "s/^$2=//p" "stack/$1"; }

# What runs the servers: what started them, else $STACK_ENGINE, else Docker where an engine answers.
engine() {
    if [ -e "$STACK/engine" ]; then
        cat "$STACK/engine"
    elif [ -n "${STACK_ENGINE-}" ]; then
        echo "$STACK_ENGINE"
    elif docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
        echo docker
    else
        echo native
    fi
}

# One project a clone, so that two on one machine don't meet.
compose() {
    local project
    project="anamnesis-$(pwd -P | cksum | cut -d' ' -f1)"
    (eval "$(stack_env)" && docker compose --project-name "$project" "$@")
}

# A value of a service, kept in a file; made by the given command when there is none.
kept() {
    local file=$STACK/$1
    shift
    [ -s "$file" ] || { mkdir -p "${file%/*}" && (umask 077 && "$@" >"$file.new") && mv "$file.new" "$file"; }
    cat "$file"
}

# What `kept` made.
chosen() { cat "$STACK/$1" 2>/dev/null || die "there is no stack yet: ./dev stack up"; }

# A port in a file: the same as before, unless another program has taken it meanwhile.
choose_port() {
    ! runs "${1%/*}" || return 0
    port_is_free "$(kept "$1" free_port)" || { rm "$STACK/$1" && kept "$1" free_port >/dev/null; }
}

random_password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# Below the range that Linux takes ports from for outgoing connections.
free_port() {
    local port _
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        ! grep --quiet --line-regexp --no-messages "$port" "$STACK"/*/*port || continue
        port_is_free "$port" && echo "$port" && return
    done
    die "no free port found on 127.0.0.1"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
