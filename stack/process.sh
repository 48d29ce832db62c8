# shellcheck shell=bash
# A native server as a process: started in $STACK/<name>, with its log and its pid there. Sourced by stack.sh.

# Starts it and doesn't wait. A group of its own, so that Ctrl-C is for us; without the test's lock, which a server
# would keep when we are gone.
launch() {
    local name=$1
    shift
    (
        [ -z "${TEST_LOCK-}" ] || exec {TEST_LOCK}>&-
        cd "$STACK/$name" || exit
        setsid "$@" </dev/null >log 2>&1 &
        echo $! >pid
    )
}

# Whether it runs: the pid of a server that is long gone may be another program's, which works in another folder.
runs() { [ -s "$STACK/$1/pid" ] && [ "/proc/$(<"$STACK/$1/pid")/cwd" -ef "$STACK/$1" ]; }

# Until the given command succeeds.
await() {
    local name=$1 seconds=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@"; do
        if ! runs "$name" || [ "$SECONDS" -ge "$end" ]; then
            tail -n 20 "$STACK/$name/log" >&2
            die "$name doesn't start: see $STACK/$name/log"
        fi
        sleep 0.1
    done
}

# Asks it to end, and ends it if it doesn't.
halt() {
    local name=$1 end=$((SECONDS + 20)) pid
    if runs "$name"; then
        pid=$(<"$STACK/$name/pid")
        kill -TERM -- "-$pid" 2>/dev/null || true
        while runs "$name"; do
            [ "$SECONDS" -lt "$end" ] || kill -KILL -- "-$pid" 2>/dev/null || true
            sleep 0.1
        done
    fi
    rm -f "$STACK/$name/pid"
}
