# shellcheck shell=bash
# What the stack takes from Maven (pom.xml). Sourced by stack.sh.

readonly OLDEST_JAVA=17

# Where it lies, for every clone of this user: another folder for another pom.
java_parts() {
    local version
    version=$(sha256sum stack/pom.xml | cut -c-12)
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/anamnesis/stack-$version"
}

# Debian's packages that the native servers still need.
java_packages() {
    has_java || echo default-jre-headless
    [ -d "$(java_parts)" ] || has mvn || echo maven
}

has_java() { at_least "$OLDEST_JAVA" "$(java_version)"; }

java_version() { { java -version 2>&1 || echo 'version "0"'; } | sed -n 's/.* version "\([0-9.]*\).*/\1/p'; }

# Downloads it, once for all clones: first into another folder, so that what is interrupted is begun anew.
fetch_java_parts() {
    local parts unfinished lock
    has_java || die "Java $OLDEST_JAVA or later is needed, and \`java\` is $(java_version)"
    parts=$(java_parts)
    [ ! -d "$parts" ] || return 0
    mkdir -p "${parts%/*}"
    exec {lock}>"$parts.lock"
    flock "$lock"
    if [ ! -d "$parts" ]; then
        say "downloading Kafka (55 MiB), a schema registry (136 MiB) and the newest PostgreSQL (15 MiB) from Maven, once"
        unfinished=$parts.unfinished
        rm -rf "$unfinished"
        copy_java_parts "$unfinished"
        mv "$unfinished" "$parts"
        say "they lie in $parts ($(du -sh "$parts" | cut -f1)B)"
    fi
    exec {lock}>&-
}

# Into kafka/, registry/ and postgres.txz.
copy_java_parts() {
    local folder=$1
    mvn --batch-mode --no-transfer-progress --quiet --file=stack/pom.xml -Dpostgres.architecture="$(zonky_architecture)" \
        dependency:copy-dependencies -DoutputDirectory="$folder/kafka" 2>&1 | sed 's/\x1b\[[0-9;]*m//g' >&2 ||
        die "Maven doesn't get the stack's servers: see above"
    mkdir "$folder/registry"
    tar --extract --gzip --file="$(echo "$folder"/kafka/apicurio-registry-app-*.tar.gz)" --directory="$folder/registry"
    python3 -m zipfile --extract "$(echo "$folder"/kafka/embedded-postgres-binaries-*.jar)" "$folder/postgres"
    mv "$folder"/postgres/postgres-*.txz "$folder/postgres.txz"
    rm -r "$folder"/kafka/apicurio-registry-app-* "$folder"/kafka/embedded-postgres-binaries-* "$folder/postgres"
}

zonky_architecture() {
    case "$(uname -m)" in
        x86_64) echo amd64 ;;
        aarch64) echo arm64v8 ;;
        *) die "no PostgreSQL from Maven for $(uname -m)" ;;
    esac
}
