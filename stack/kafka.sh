# shellcheck shell=bash
# Kafka, for the stack: one broker, which is also the controller. Sourced by stack.sh.

kafka_choose() {
    kafka_is_up && return
    choose_port kafka/port
    choose_port kafka/controller-port
}

kafka_env() {
    local port
    port=$(chosen kafka/port)
    echo "export ANAMNESIS_STACK_KAFKA_PORT='$port'"
    echo "export ANAMNESIS_TEST_KAFKA_BROKERS='127.0.0.1:$port'"
    # Where tests look for what mustn't be there; Docker keeps it in a volume.
    [ "$(engine)" != native ] || echo "export ANAMNESIS_TEST_KAFKA_DATA='$PWD/$STACK/kafka/data'"
}

kafka_is_up() { answers kafka; }

kafka_up() {
    ! runs kafka || return 0
    say "starting Kafka on 127.0.0.1:$(<"$STACK/kafka/port")"
    kafka_properties >"$STACK/kafka/server.properties"
    local java=() cluster
    read -ra java <<<"$(setting kafka.env KAFKA_HEAP_OPTS) $(setting kafka.env KAFKA_JVM_PERFORMANCE_OPTS)"
    java=(java "${java[@]}" -Dorg.apache.logging.log4j.level=INFO -cp "$(java_parts)/kafka/*")
    cluster=$(kept kafka/cluster kafka_cluster)
    # shellcheck disable=SC2016
    launch kafka bash -c '[ -e data/meta.properties ] || "${@:2}" kafka.tools.StorageTool format -t "$1" -c server.properties &&
        exec "${@:2}" kafka.Kafka server.properties' bash "$cluster" "${java[@]}"
}

kafka_ready() { await kafka 90 kafka_says_so; }

kafka_says_so() { grep --quiet 'Kafka Server started' "$STACK/kafka/log" && kafka_is_up; }

kafka_down() { halt kafka; }

kafka_remove() { :; }

# The shared settings, and the engine's.
kafka_properties() {
    local port controller
    port=$(<"$STACK/kafka/port")
    controller=$(<"$STACK/kafka/controller-port")
    # KAFKA_NODE_ID becomes node.id, as in the image, which leaves out what is for Java.
    sed -n '/^KAFKA_\(HEAP\|JVM_PERFORMANCE\)_OPTS=/d; s/^KAFKA_\([A-Z_]*\)=/\1 /p' stack/kafka.env |
        while read -r name value; do
            name=${name,,}
            echo "${name//_/.}=$value"
        done
    cat <<END_OF_PROPERTIES
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=data
END_OF_PROPERTIES
}

# Sixteen bytes in base64 without signs: what Kafka calls a UUID.
kafka_cluster() { head -c 16 /dev/urandom | base64 | tr '+/' 'az' | tr -d '=\n'; }
