# shellcheck shell=bash
# A schema registry with Confluent's interface (Apicurio), for the stack. Sourced by stack.sh.

registry_choose() { registry_is_up || choose_port registry/port; }

registry_env() {
    local port
    port=$(chosen registry/port)
    echo "export ANAMNESIS_STACK_REGISTRY_PORT='$port'"
    echo "export ANAMNESIS_TEST_SCHEMA_REGISTRY_URL='http://127.0.0.1:$port/apis/ccompat/v7'"
}

registry_is_up() { answers registry; }

registry_up() {
    ! runs registry || return 0
    say "starting the schema registry on 127.0.0.1:$(<"$STACK/registry/port")"
    local java=() rules=()
    read -ra java <<<"$(setting registry.env JAVA_OPTIONS)"
    mapfile -t rules < <(grep '^REGISTRY_' stack/registry.env)
    launch registry env "${rules[@]}" java "${java[@]}" -Djava.util.logging.manager=org.jboss.logmanager.LogManager \
        -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$(<"$STACK/registry/port")" \
        -jar "$(echo "$(java_parts)"/registry/*-runner.jar)"
}

registry_ready() { await registry 90 registry_says_so && registry_rule; }

registry_says_so() {
    curl --silent --fail --output /dev/null "http://127.0.0.1:$(<"$STACK/registry/port")/health/ready" && runs registry
}

# The rule holds from the start, but only one that is set is shown to who asks.
registry_rule() {
    local rule
    rule=$(setting registry.env REGISTRY_RULES_GLOBAL_COMPATIBILITY)
    curl --silent --show-error --fail --output /dev/null --request PUT --header 'Content-Type: application/json' \
        --data "{\"compatibility\":\"$rule\"}" "http://127.0.0.1:$(<"$STACK/registry/port")/apis/ccompat/v7/config"
}

registry_down() { halt registry; }

registry_remove() { :; }
