# Node.js and the JavaScript dependencies. Needs packages.sh.
#
# The SDK and its tests are TypeScript that Node runs as it is, which takes Node 22.18. Debian 12
# has 18, so a newer one comes from the npm package that carries the plain binary. It goes into
# .tools/ with an npm that fits it, and nothing outside the repository changes.

NODE_AT_LEAST=22.18
NODE_PINNED=22.23.3
NPM_PINNED=10.9.4
NODE_TOOLS=$REPO/.tools/node_modules/.bin

# npm would leave a cache of its own code in TMPDIR.
export NODE_DISABLE_COMPILE_CACHE=1

node_is_new_enough() {
    local version
    command -v npm >/dev/null || return 1
    version=$(node --version 2>/dev/null) || return 1
    printf '%s\n%s\n' "$NODE_AT_LEAST" "${version#v}" | sort -V -C
}

# The packages that need_node will ask for, so that a script can install everything at once.
node_packages() {
    [[ -x $NODE_TOOLS/node ]] || command -v npm >/dev/null || printf '%s\n' nodejs npm
}

# need_node — afterwards `node` and `npm` are in PATH and new enough.
need_node() {
    local machine
    [[ ! -x $NODE_TOOLS/node ]] || PATH=$NODE_TOOLS:$PATH
    export PATH
    node_is_new_enough && return 0

    case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) die "Node $NODE_AT_LEAST or newer is needed, and there is no ready one for $(uname -m); install it and run this again" ;;
    esac
    need_packages $(node_packages)
    mkdir -p .tools
    # A package.json of its own keeps npm from taking the repository's for the one to install into.
    printf '{ "private": true }\n' >.tools/package.json
    long_step "putting Node $NODE_PINNED into .tools/" \
        npm install --prefix .tools --no-save --no-package-lock --no-audit --no-fund \
        "node-linux-$machine@$NODE_PINNED" "npm@$NPM_PINNED"
    PATH=$NODE_TOOLS:$PATH
    hash -r
    node_is_new_enough || die "the Node in .tools/ does not run; remove .tools/ and try again"
}

# npm_ci — node_modules as package-lock.json says, left alone when it already is. The stamp inside
# names what was installed, so removing node_modules removes it too.
npm_ci() {
    local stamp=node_modules/.installed-from want
    want=$(node --version && cat package-lock.json package.json | sha256sum)
    [[ -f $stamp && $(<"$stamp") == "$want" ]] && return 0
    long_step "installing the JavaScript dependencies" npm ci --no-audit --no-fund
    printf '%s\n' "$want" >"$stamp"
}
