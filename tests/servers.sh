#!/usr/bin/env bash
# Gives the tests and the benchmarks a PostgreSQL and a MySQL or MariaDB server, and ends what it started.
#
#   tests/servers.sh run COMMAND...   runs COMMAND beside the servers; its exit status is COMMAND's
#   tests/servers.sh run              keeps the servers up, and prints their URLs, until Ctrl-C
#
# or, sourced: oarlock_servers_start [postgres] [mysql], and oarlock_servers_stop in an EXIT trap.
# COMMAND finds the servers in OARLOCK_TEST_POSTGRES_URL and OARLOCK_TEST_MYSQL_URL. For each of the two, in order:
#
#   1. the variable, when it is set already: that server is used, and never ended;
#   2. a private server from the binaries of this machine: loopback only, on a free port, its data in a temporary
#      directory, tuned for speed and not for durability, unless OARLOCK_SERVERS_DURABLE is set: then a commit waits for
#      the disk, as it does by default. OARLOCK_SERVERS_IN names where that directory is made, be it in memory. Servers of
#      the system are not touched;
#   3. the service of docker-compose.yml, when a Docker engine answers;
#   4. the binaries from the system's package manager, when this user may install them without being asked for a
#      password; then as 2. No service of the system is enabled or left running by that.
#
# `run` also sees to pgbouncer, which tests start by themselves: where it is missing it is installed as in 4.
#
# Runs on the bash 3.2 of macOS.

_oarlock_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
_oarlock_dir=''        # temporary directory of the private servers
_oarlock_pids=''       # the private servers, as "SIGNAL:PID" words
_oarlock_services=''   # services of docker-compose.yml that we started
_oarlock_exported=''   # variables that we set
_oarlock_policy=''     # the policy-rc.d that we wrote, while a package is being installed
_oarlock_attempts=''   # what did not work, for the closing message

# Starts the named servers, or both, and exports their URLs.
oarlock_servers_start() {
    local engine
    if (($# == 0)); then
        set -- postgres mysql
    fi
    _oarlock_attempts=''
    for engine in "$@"; do
        case $engine in
        postgres | mysql) ;;
        *)
            _oarlock_say "unknown server: $engine (postgres and mysql are known)"
            return 2
            ;;
        esac
        if ! _oarlock_given "$engine" && ! _oarlock_private "$engine" && ! _oarlock_docker "$engine" &&
            ! _oarlock_install "$engine"; then
            _oarlock_explain "$engine"
            oarlock_servers_stop
            return 1
        fi
    done
}

# Ends every server that oarlock_servers_start started, and removes its data. Safe to call twice.
oarlock_servers_stop() {
    local entry pid service variable
    for entry in $_oarlock_pids; do
        kill -s "${entry%%:*}" "${entry#*:}" 2>/dev/null || :
    done
    for entry in $_oarlock_pids; do
        pid=${entry#*:}
        _oarlock_until 10 _oarlock_gone "$pid" || kill -s KILL "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    done
    _oarlock_pids=''
    for service in $_oarlock_services; do
        _oarlock_compose rm --stop --force --volumes "$service" >/dev/null 2>&1 || :
    done
    _oarlock_services=''
    # A later start must not take them for the caller's.
    for variable in $_oarlock_exported; do
        unset "$variable"
    done
    _oarlock_exported=''
    _oarlock_allow_services
    if [[ -n $_oarlock_dir ]]; then
        rm -rf "$_oarlock_dir"
        _oarlock_dir=''
    fi
    return 0
}

_oarlock_say() {
    printf 'servers: %s\n' "$*" >&2
}

_oarlock_failed() {
    _oarlock_attempts="$_oarlock_attempts  - $*"$'\n'
}

# The variable that names the URL of an engine's server.
_oarlock_variable() {
    case $1 in
    postgres) echo OARLOCK_TEST_POSTGRES_URL ;;
    mysql) echo OARLOCK_TEST_MYSQL_URL ;;
    esac
}

_oarlock_export() {
    local variable
    variable=$(_oarlock_variable "$1")
    export "$variable=$2"
    _oarlock_exported="$_oarlock_exported $variable"
}

# Polls a command until it succeeds, for so many seconds.
_oarlock_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        if ((SECONDS > deadline)); then
            return 1
        fi
        sleep 0.05
    done
}

_oarlock_gone() {
    ! kill -0 -- "$1" 2>/dev/null
}

# ---- 1. a server that the caller names

_oarlock_given() {
    local variable
    variable=$(_oarlock_variable "$1")
    if [[ -z ${!variable:-} ]]; then
        return 1
    fi
    _oarlock_say "$1: the server that $variable names"
    # It may have been set without being exported.
    export "${variable?}"
}

# ---- 2. a private server from installed binaries

_oarlock_private() {
    local log
    if ! "_oarlock_find_$1"; then
        _oarlock_failed 'its programs are neither on the PATH nor where packages put them'
        return 1
    fi
    _oarlock_prepare || return 1
    log=$_oarlock_dir/$1.log
    if "_oarlock_initialize_$1" "$_oarlock_dir/$1" >"$log" 2>&1; then
        # Somebody else may take the chosen port before the server does.
        for _ in 1 2 3; do
            _oarlock_pick_port
            if "_oarlock_start_$1" "$_oarlock_dir/$1" "$log"; then
                _oarlock_say "$1: $("$_oarlock_bin" --version), private, on port $_oarlock_port"
                return 0
            fi
            grep -qi 'address already in use' "$log" || break
        done
    fi
    _oarlock_say "$1: $_oarlock_bin did not start; its log ends with:"
    tail -n 8 "$log" >&2
    _oarlock_failed "the installed server, $_oarlock_bin, did not start: see its log above"
    return 1
}

# Makes the temporary directory, and decides as whom the servers run: root may not run them, so nobody does.
_oarlock_prepare() {
    if [[ -n $_oarlock_dir ]]; then
        return 0
    fi
    _oarlock_as=()
    _oarlock_owner=$(id -u):$(id -g)
    if ((EUID == 0)); then
        if ! command -v setpriv >/dev/null; then
            _oarlock_failed 'as root, starting a server needs setpriv (package util-linux); or run this as another user'
            return 1
        fi
        _oarlock_owner=$(id -u nobody):$(id -g nobody) || return 1
        _oarlock_as=(setpriv "--reuid=${_oarlock_owner%:*}" "--regid=${_oarlock_owner#*:}" --clear-groups)
        # A TMPDIR of root's own would be closed to that user.
        _oarlock_dir=$(mktemp -d "${OARLOCK_SERVERS_IN:-/tmp}/oarlock.XXXXXX") || return 1
        chmod 711 "$_oarlock_dir"
    else
        _oarlock_dir=$(mktemp -d "${OARLOCK_SERVERS_IN:-${TMPDIR:-/tmp}}/oarlock.XXXXXX") || return 1
    fi
    # The directory itself may be root's: the sockets are below it, in one where the servers may write.
    mkdir -m 755 "$_oarlock_dir/run" && chown "$_oarlock_owner" "$_oarlock_dir/run" || return 1
    # Should this shell be killed outright, the kernel ends the servers (Linux only).
    _oarlock_die_with_us=()
    if command -v setpriv >/dev/null && setpriv --pdeathsig TERM true 2>/dev/null; then
        _oarlock_die_with_us=(setpriv --pdeathsig)
    fi
}

# Makes a directory that belongs to the servers' user alone.
_oarlock_own_directory() {
    mkdir -m 700 "$1" && chown "$_oarlock_owner" "$1"
}

# Runs a command as the servers' user, in a directory that the user may enter.
_oarlock_run_as() {
    (cd "$_oarlock_dir" && ${_oarlock_as[@]+"${_oarlock_as[@]}"} "$@")
}

# Starts a server in the background: the signal that ends it, its log, its command. Sets _oarlock_pid.
_oarlock_launch() {
    local signal=$1 log=$2
    shift 2
    if ((${#_oarlock_die_with_us[@]} > 0)); then
        set -- "${_oarlock_die_with_us[@]}" "$signal" "$@"
    fi
    # Every word of the chain replaces the process by the next, so that the pid is the server's.
    (cd "$_oarlock_dir" && exec ${_oarlock_as[@]+"${_oarlock_as[@]}"} "$@") </dev/null >"$log" 2>&1 &
    _oarlock_pid=$!
    _oarlock_pids="$_oarlock_pids $signal:$_oarlock_pid"
}

# Waits until the server just launched is ready, as a command tells, or dead.
_oarlock_await() {
    _oarlock_until 60 _oarlock_ready_or_gone "$@"
    if "$@" && ! _oarlock_gone "$_oarlock_pid"; then
        return 0
    fi
    kill -s KILL "$_oarlock_pid" 2>/dev/null
    wait "$_oarlock_pid" 2>/dev/null
    _oarlock_pids=${_oarlock_pids% *}
    return 1
}

_oarlock_ready_or_gone() {
    "$@" || _oarlock_gone "$_oarlock_pid"
}

# Sets _oarlock_port to a port on which nobody listens, below the range that the kernel takes for outgoing connections.
_oarlock_pick_port() {
    while :; do
        _oarlock_port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$_oarlock_port") 2>/dev/null; then
            return 0
        fi
    done
}

# Sets _oarlock_bin to the newest postgres that has its initdb beside it; one on the PATH is preferred.
_oarlock_find_postgres() {
    local candidate version newest=0
    _oarlock_bin=$(command -v postgres)
    if [[ -n $_oarlock_bin && -x ${_oarlock_bin%/*}/initdb ]]; then
        return 0
    fi
    _oarlock_bin=''
    for candidate in /usr/lib/postgresql/*/bin /usr/lib/postgresql*/bin /usr/libexec/postgresql*/ /usr/pgsql-*/bin \
        /usr/bin /usr/local/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin; do
        candidate=${candidate%/}/postgres
        if [[ -x $candidate && -x ${candidate%/*}/initdb ]]; then
            version=$("$candidate" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
            if ((version > newest)); then
                newest=$version
                _oarlock_bin=$candidate
            fi
        fi
    done
    [[ -n $_oarlock_bin ]]
}

_oarlock_initialize_postgres() {
    local locale=C
    if [[ $(locale -a 2>/dev/null) == *C.[Uu][Tt][Ff]* ]]; then
        locale=C.UTF-8
    fi
    _oarlock_own_directory "$1" &&
        _oarlock_run_as "${_oarlock_bin%/*}/initdb" --pgdata="$1" --username=postgres --auth=trust \
            --encoding=UTF8 --locale="$locale" --no-sync
}

_oarlock_start_postgres() {
    local speed=(-c fsync=off -c synchronous_commit=off -c full_page_writes=off)
    if [[ -n ${OARLOCK_SERVERS_DURABLE:-} ]]; then
        speed=()
    fi
    # QUIT ends PostgreSQL without a checkpoint: nobody will read the data again.
    _oarlock_launch QUIT "$2" "$_oarlock_bin" -D "$1" -p "$_oarlock_port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories="$_oarlock_dir/run" \
        ${speed[@]+"${speed[@]}"} \
        -c max_connections=200 -c max_prepared_transactions=64
    _oarlock_await _oarlock_ready_postgres "$1" || return 1
    _oarlock_export postgres "postgres://postgres@127.0.0.1:$_oarlock_port/postgres"
}

# PostgreSQL writes its state into the eighth line of the pid file. Trying the port instead could find another server.
_oarlock_ready_postgres() {
    [[ $(sed -n '1p;8p' "$1/postmaster.pid" 2>/dev/null | tr -s '\n ' '  ') == "$_oarlock_pid ready "* ]]
}

# Sets _oarlock_bin to mariadbd or mysqld. A Debian user's PATH lacks /usr/sbin, where they are.
_oarlock_find_mysql() {
    local name directory
    for name in mariadbd mysqld; do
        _oarlock_bin=$(command -v "$name")
        if [[ -n $_oarlock_bin ]]; then
            return 0
        fi
        for directory in /usr/sbin /usr/libexec /usr/local/sbin /usr/local/mysql/bin /opt/homebrew/opt/mariadb/bin \
            /opt/homebrew/opt/mysql*/bin /usr/local/opt/mariadb/bin /usr/local/opt/mysql*/bin; do
            if [[ -x $directory/$name ]]; then
                _oarlock_bin=$directory/$name
                return 0
            fi
        done
    done
    return 1
}

_oarlock_find_pgbouncer() {
    local directory
    if command -v pgbouncer >/dev/null; then
        return 0
    fi
    for directory in /usr/sbin /usr/bin /usr/local/bin /opt/homebrew/bin; do
        if [[ -x $directory/pgbouncer ]]; then
            return 0
        fi
    done
    return 1
}

# Fills a data directory with the system tables. The programs differ, and MariaDB's had another name before.
_oarlock_initialize_mysql() {
    local installer name
    _oarlock_own_directory "$1" && _oarlock_own_directory "$_oarlock_dir/tmp" || return 1
    # Without name resolution, a client on 127.0.0.1 is not one on localhost.
    printf '%s\n' "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';" \
        "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;" \
        'CREATE DATABASE IF NOT EXISTS test;' >"$_oarlock_dir/init.sql"
    chmod 644 "$_oarlock_dir/init.sql"
    if ! _oarlock_is_mariadb; then
        _oarlock_run_as "$_oarlock_bin" --no-defaults --initialize-insecure --datadir="$1" \
            --secure-file-priv="$_oarlock_dir/tmp"
        return
    fi
    for name in mariadb-install-db mysql_install_db; do
        for installer in "${_oarlock_bin%/*}/$name" "${_oarlock_bin%/*/*}/bin/$name" "$(command -v "$name")"; do
            if [[ -x $installer ]]; then
                # The installer makes its temporary files in TMPDIR, which may be closed to the servers' user.
                _oarlock_run_as env TMPDIR="$_oarlock_dir/tmp" "$installer" --no-defaults --datadir="$1" \
                    --auth-root-authentication-method=normal --skip-name-resolve --skip-test-db \
                    --innodb-log-file-size=16M
                return
            fi
        done
    done
    echo "there is no mariadb-install-db beside $_oarlock_bin"
    return 1
}

_oarlock_is_mariadb() {
    [[ $("$_oarlock_bin" --version) == *MariaDB* ]]
}

_oarlock_start_mysql() {
    local speed=(--innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=OFF)
    local options=(--innodb-log-file-size=96M)
    if [[ -n ${OARLOCK_SERVERS_DURABLE:-} ]]; then
        speed=()
    fi
    if ! _oarlock_is_mariadb; then
        # The second protocol would want a port of its own; the binary log is on by default, and nobody reads it; the
        # directory that packages build in as secure-file-priv may be missing or closed.
        options=(--mysqlx=OFF --skip-log-bin --secure-file-priv="$_oarlock_dir/tmp")
    fi
    options+=(${speed[@]+"${speed[@]}"})
    _oarlock_launch TERM "$2" "$_oarlock_bin" --no-defaults --datadir="$1" --tmpdir="$_oarlock_dir/tmp" \
        --init-file="$_oarlock_dir/init.sql" --pid-file="$1/server.pid" --socket="$_oarlock_dir/run/mysql.sock" \
        --bind-address=127.0.0.1 --port="$_oarlock_port" --skip-networking=0 --skip-name-resolve \
        --character-set-server=utf8mb4 --max-allowed-packet=256M --max-connections=200 --local-infile=1 \
        --innodb-fast-shutdown=2 "${options[@]}"
    _oarlock_await _oarlock_ready_mysql "$2" || return 1
    _oarlock_export mysql "mysql://root@127.0.0.1:$_oarlock_port/test"
}

# The socket exists, and the port answers, before the init file has run; this line comes after it.
_oarlock_ready_mysql() {
    grep -q 'ready for connections' "$1"
}

# ---- 3. docker-compose.yml

_oarlock_compose() {
    docker compose --file "$_oarlock_root/docker-compose.yml" "$@"
}

_oarlock_docker() {
    local variable url
    if ! command -v docker >/dev/null || ! docker info >/dev/null 2>&1; then
        _oarlock_failed 'no Docker engine answers'
        return 1
    fi
    if ! docker compose version >/dev/null 2>&1; then
        _oarlock_failed 'a Docker engine answers, but docker has no compose command'
        return 1
    fi
    if [[ -z $(_oarlock_compose ps --quiet --status running "$1" 2>/dev/null) ]]; then
        _oarlock_services="$_oarlock_services $1"
    fi
    if ! _oarlock_compose up --detach --wait "$1" >&2; then
        _oarlock_failed "docker compose could not start $1"
        return 1
    fi
    variable=$(_oarlock_variable "$1")
    url=$(sed -n "s/^ *# *$variable=//p" "$_oarlock_root/docker-compose.yml" | head -n 1)
    _oarlock_export "$1" "$url"
    _oarlock_say "$1: the service of docker-compose.yml, $url"
}

# ---- 4. the package manager

# Installs an engine's server without a question, and starts a private one.
_oarlock_install() {
    # A server that is installed and does not start is nothing that a package would help.
    if "_oarlock_find_$1"; then
        return 1
    fi
    _oarlock_fetch "$1" && _oarlock_private "$1"
}

# Sees to a program that tests start by themselves. Those that need it tell of its absence.
_oarlock_provide() {
    _oarlock_attempts=''
    if ! "_oarlock_find_$1" && ! { _oarlock_fetch "$1" && "_oarlock_find_$1"; }; then
        _oarlock_say "$1: not installed, and it cannot be; tests that need it will fail:"
        printf '%s' "$_oarlock_attempts" >&2
    fi
}

# Installs the package of a server without a question.
_oarlock_fetch() {
    local manager log
    for manager in apt-get dnf apk brew; do
        if ! command -v "$manager" >/dev/null; then
            continue
        fi
        _oarlock_sudo=()
        if [[ $manager != brew ]] && ((EUID != 0)); then
            if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
                _oarlock_failed "installing it with $manager needs root, or sudo without a password"
                return 1
            fi
            _oarlock_sudo=(sudo -n)
        fi
        _oarlock_say "$1: not installed; installing it with $manager"
        log=$(mktemp) || return 1
        if "_oarlock_install_with_$manager" "$1" </dev/null >"$log" 2>&1; then
            rm -f "$log"
            return 0
        fi
        tail -n 15 "$log" >&2
        rm -f "$log"
        _oarlock_failed "installing it with $manager failed: see its words above"
        return 1
    done
    _oarlock_failed 'none of apt-get, dnf, apk and brew is here to install it'
    return 1
}

_oarlock_as_root() {
    ${_oarlock_sudo[@]+"${_oarlock_sudo[@]}"} "$@"
}

_oarlock_install_with_apt-get() {
    local status=0
    _oarlock_as_root apt-get update -qq || return 1
    _oarlock_forbid_services
    case $1 in
    postgres) _oarlock_apt postgresql || status=1 ;;
    # The core packages hold the programs alone, without a service; before Debian 12 their names bore versions.
    mysql) _oarlock_apt mariadb-server-core mariadb-client-core || _oarlock_apt mariadb-server || status=1 ;;
    pgbouncer) _oarlock_apt pgbouncer || status=1 ;;
    esac
    _oarlock_allow_services
    # Not started now; neither shall it be at the next boot.
    if [[ -d /run/systemd/system ]]; then
        case $1 in
        postgres) _oarlock_as_root systemctl disable --quiet postgresql 2>/dev/null ;;
        mysql) _oarlock_as_root systemctl disable --quiet mariadb 2>/dev/null ;;
        pgbouncer) _oarlock_as_root systemctl disable --quiet pgbouncer 2>/dev/null ;;
        esac
    fi
    return "$status"
}

_oarlock_apt() {
    _oarlock_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
}

# Debian's packages start their service when they are installed, unless this program says no.
_oarlock_forbid_services() {
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        _oarlock_policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' | _oarlock_as_root tee "$_oarlock_policy" >/dev/null
        _oarlock_as_root chmod 755 "$_oarlock_policy"
    fi
}

_oarlock_allow_services() {
    if [[ -n $_oarlock_policy ]]; then
        _oarlock_as_root rm -f "$_oarlock_policy"
        _oarlock_policy=''
    fi
}

_oarlock_install_with_dnf() {
    case $1 in
    postgres) _oarlock_as_root dnf install -y -q postgresql-server ;;
    mysql) _oarlock_as_root dnf install -y -q mariadb-server ;;
    pgbouncer) _oarlock_as_root dnf install -y -q pgbouncer ;;
    esac
}

_oarlock_install_with_apk() {
    # BusyBox' setpriv cannot change the user.
    case $1 in
    postgres) _oarlock_as_root apk add -q postgresql setpriv ;;
    mysql) _oarlock_as_root apk add -q mariadb setpriv ;;
    pgbouncer) _oarlock_as_root apk add -q pgbouncer ;;
    esac
}

_oarlock_install_with_brew() {
    case $1 in
    postgres) brew install --quiet postgresql@17 ;;
    mysql) brew install --quiet mariadb ;;
    pgbouncer) brew install --quiet pgbouncer ;;
    esac
}

# ---- and when nothing worked

_oarlock_explain() {
    local variable what
    variable=$(_oarlock_variable "$1")
    case $1 in
    postgres) what='a PostgreSQL server' ;;
    mysql) what='a MySQL or MariaDB server' ;;
    esac
    printf '\nThe tests need %s, and there is none:\n%s\n' "$what" "$_oarlock_attempts" >&2
    printf 'Do one of these: set %s to the URL of one;\n' "$variable" >&2
    printf 'install its binaries (they need not run); or start a Docker engine.\n' >&2
}

# ---- run

_oarlock_run() {
    local command status
    trap oarlock_servers_stop EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    oarlock_servers_start || return 1
    _oarlock_provide pgbouncer
    if (($# == 0)); then
        printf 'export OARLOCK_TEST_POSTGRES_URL=%s\nexport OARLOCK_TEST_MYSQL_URL=%s\n' \
            "$OARLOCK_TEST_POSTGRES_URL" "$OARLOCK_TEST_MYSQL_URL"
        _oarlock_say 'up until Ctrl-C'
        set -- sleep 2147483647
    fi
    # In a process group of its own, and waited for with `wait`, so that a signal to this shell alone is acted upon at
    # once, and reaches the whole tree of the command. A group in the background may not read from the terminal.
    if [[ -t 0 ]]; then
        exec </dev/null
    fi
    set -m
    "$@" &
    command=$!
    set +m
    trap '_oarlock_interrupt HUP "$command"; exit 129' HUP
    trap '_oarlock_interrupt INT "$command"; exit 130' INT
    trap '_oarlock_interrupt TERM "$command"; exit 143' TERM
    status=0
    wait "$command" || status=$?
    return "$status"
}

# Hands a signal on to the command's process group, and waits for its end.
_oarlock_interrupt() {
    kill -s "$1" -- "-$2" 2>/dev/null
    _oarlock_until 5 _oarlock_gone "-$2" || kill -s KILL -- "-$2" 2>/dev/null
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    if [[ ${1:-} != run ]]; then
        printf 'usage: tests/servers.sh run [COMMAND...]\n' >&2
        exit 2
    fi
    shift
    _oarlock_run "$@"
fi
