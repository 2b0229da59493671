# Building with Meson.

# build DIR [OPTION…] — sets the build directory up, unless that was done with the same options
# before, and builds what changed. A directory that somebody set up by hand (it has no stamp) stays
# as it is.
build() {
    local dir=$1 stamp=$1/.options
    shift
    local options="${CC:-cc} $*"
    if [[ ! -f $dir/build.ninja ]]; then
        rm -rf "$dir"
        meson setup "$dir" "$@" || return
        printf '%s\n' "$options" >"$stamp"
    elif [[ -f $stamp && $(<"$stamp") != "$options" ]]; then
        meson setup --wipe "$dir" "$@" || return
        printf '%s\n' "$options" >"$stamp"
    fi
    # All that is wrong at once, not one file a run.
    ninja -k 0 -j "$JOBS" -C "$dir"
}
