# shellcheck shell=bash
# Redis, for the stack. Sourced by stack.sh.

redis_choose() {
    redis_is_up || choose_port redis/port
    kept redis/password random_password >/dev/null
}

redis_env() {
    local port password
    port=$(chosen redis/port)
    password=$(chosen redis/password)
    echo "export ANAMNESIS_STACK_REDIS_PORT='$port'"
    echo "export ANAMNESIS_STACK_REDIS_PASSWORD='$password'"
    echo "export ANAMNESIS_TEST_REDIS_URL='redis://default:$password@127.0.0.1:$port/0'"
}

redis_is_up() { answers redis; }

redis_up() {
    ! runs redis || return 0
    say "starting Redis on 127.0.0.1:$(<"$STACK/redis/port")"
    # In a file, because everybody on the machine reads the arguments of a program.
    (umask 077 && redis_settings >"$STACK/redis/redis.conf")
    launch redis redis-server redis.conf
}

redis_settings() {
    cat stack/redis.conf
    echo "bind 127.0.0.1"
    echo "port $(<"$STACK/redis/port")"
    echo "requirepass $(<"$STACK/redis/password")"
}

redis_ready() { await redis 20 redis_is_up; }

redis_down() { halt redis; }

redis_remove() { :; }
