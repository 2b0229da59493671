# Debian packages: which ones the project needs, and how they come onto a bare machine.

# To build and run the server, the example backend and the demo.
BUILD_PACKAGES=(
    ca-certificates
    gcc libc6-dev meson ninja-build pkg-config
    libuv1-dev libjansson-dev libyaml-dev libsqlite3-dev libpq-dev libhttp-parser-dev
    libcurl4-openssl-dev libssl-dev
    libmicrohttpd-dev
    sqlite3
)

# What `scripts/check` needs besides. libclang-rt-14-dev has the sanitizers and libFuzzer.
TEST_PACKAGES=(
    libcmocka-dev
    clang libclang-rt-14-dev clang-format clang-tidy
    chromium
    iproute2 nginx-light
    postgresql
    python3
)

is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

as_root() {
    if (($(id -u) == 0)); then "$@"; else sudo -n "$@"; fi
}

apt_quietly() {
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# The tests start servers of their own; a PostgreSQL that comes with its package must not be started
# beside them. Where Debian's settings for new clusters stand already, they are somebody's.
no_cluster_of_its_own() {
    local file=/etc/postgresql-common/createcluster.conf
    [[ ! -e $file ]] || return 0
    as_root mkdir -p "${file%/*}"
    as_root tee "$file" <<<'create_main_cluster = false' >/dev/null
}

# need_packages NAME… — installs those that are missing, and touches nothing when none is: a second
# run asks neither the network nor for rights.
need_packages() {
    local each missing=()
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
        die "this installs Debian packages with apt-get, which is not here; what is needed: $*"
    for each in "$@"; do
        is_installed "$each" || missing+=("$each")
    done
    ((${#missing[@]})) || return 0

    if (($(id -u) != 0)) && ! sudo -n true 2>/dev/null; then
        say "These packages are missing, and installing them takes root:"
        say "  ${missing[*]}"
        say "Run this one command as root, then run ${0##*/} again:"
        say "  apt-get update && apt-get install --yes --no-install-recommends ${missing[*]}"
        exit 1
    fi
    say "· packages that are missing: ${missing[*]}"
    long_step "asking for the current list of packages" apt_quietly update
    [[ " ${missing[*]} " != *" postgresql "* ]] || no_cluster_of_its_own
    long_step "installing them" \
        apt_quietly install --yes --no-install-recommends "${missing[@]}"
}
