#!/bin/sh
# Makes what the commands of the Makefile need: `prepare.sh run`, `prepare.sh dev` or `prepare.sh browser`.
# Run again it finds everything done and takes milliseconds; killed in the middle it goes on the next time.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
give_up() { say "$@"; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    # The lists may be missing or old; a failed update is not yet a failed installation.
    apt-get update -qq >&2 || true
    apt-get install -y -qq --no-install-recommends "$@" >&2
}

# -- Python ----------------------------------------------------------------------------------------------

find_python() {
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    if is_root && command -v apt-get >/dev/null 2>&1; then
        apt_install python3 python3-venv && command -v python3 && return
    fi
    give_up "Python 3.11 or newer is needed. On Debian, as root: apt-get install python3.11 python3.11-venv"
}

make_environment() {
    python=$(find_python)
    # An environment that was copied here, or belongs to a Python that is gone, is of no use.
    if [ -e .venv ] && ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        rm -rf .venv || give_up "The folder .venv is of no use and cannot be removed by $(id -un). Remove it first."
    fi
    if [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1; then
        return
    fi
    say "Making .venv with $python"
    if "$python" -m venv .venv >/dev/null 2>&1; then
        return
    fi
    # Debian ships Python without the part that puts pip into an environment.
    rm -rf .venv
    if is_root && command -v apt-get >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" && "$python" -m venv .venv && return
    fi
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --without-pip .venv && return
    fi
    give_up "This Python cannot make environments. On Debian, as root: apt-get install python3.11-venv"
}

install_packages() {
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        set -- .venv/bin/python -m pip install "$@"
    else
        set -- "$(find_python)" -m pip --python .venv/bin/python install "$@"
    fi
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$@"
}

# A stamp holds the lock it was made from.
is_stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# The packages of one lock; a second one that it includes counts as installed with it.
python_packages() {
    lock=$1
    included=${2:-}
    # A tree that was copied with its environment gets the environment anew.
    sum="$(cksum <"$lock") $(pwd -P)"
    if is_stamped ".venv/.stamp-$lock" "$sum" && .venv/bin/python -c '' 2>/dev/null; then
        return
    fi
    make_environment
    say "Installing the packages of $lock (once, a minute or two)"
    # The lock is complete, so nothing is resolved; every file is checked against its hash.
    install_packages -qq --require-hashes --no-deps -r "$lock" >&2 ||
        give_up "The packages of $lock could not be installed; see above."
    command_line
    printf '%s' "$sum" >".venv/.stamp-$lock"
    [ -z "$included" ] || printf '%s' "$(cksum <"$included") $(pwd -P)" >".venv/.stamp-$included"
}

# `.venv/bin/tracker` works from any folder, on this tree.
command_line() {
    packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    pwd -P >"$packages/tracker.pth"
    {
        echo '#!/bin/sh'
        echo 'exec "$(dirname "$(readlink -f "$0")")/python" -m tracker "$@"'
    } >.venv/bin/tracker
    chmod +x .venv/bin/tracker
}

# -- JavaScript --------------------------------------------------------------------------------------------

javascript_packages() {
    sum="$1 $(cksum <package-lock.json)"
    vendor=tracker/web/static/vendor
    if is_stamped node_modules/.stamp "$sum" || is_stamped node_modules/.stamp "dev ${sum#* }"; then
        [ -f $vendor/swagger-ui/swagger-ui-bundle.js ] && return
    fi
    if ! command -v npm >/dev/null 2>&1; then
        [ -d $vendor/swagger-ui ] || say "npm is not here: the pages work without it, only the page of the API is missing."
        return
    fi
    say "Installing the scripts of package-lock.json"
    omit=--omit=dev
    [ "$1" = dev ] && omit=--include=dev
    # No script of a package runs.
    if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error $omit >&2; then
        say "npm did not succeed: the pages work without it, only the page of the API is missing."
        return
    fi
    rm -rf $vendor
    mkdir -p $vendor/swagger-ui
    for file in swagger-ui.css swagger-ui-bundle.js LICENSE; do
        cp "node_modules/swagger-ui-dist/$file" $vendor/swagger-ui/
    done
    printf '%s' "$sum" >node_modules/.stamp
}

# -- A browser for the tests -----------------------------------------------------------------------------

browser() {
    if command -v chromium-headless-shell >/dev/null 2>&1; then
        return
    fi
    if is_root && command -v apt-get >/dev/null 2>&1; then
        # Where the whole program is, nothing is missing: the smaller one is faster, and asked for once.
        if command -v chromium >/dev/null 2>&1; then
            [ -e .venv/.stamp-browser ] && return
            touch .venv/.stamp-browser
        fi
        say "Installing Chromium and fonts for the tests of the pages"
        apt_install chromium-headless-shell fonts-liberation fonts-dejavu-core || apt_install chromium ||
            say "Chromium could not be installed: the tests of the pages will be skipped."
    elif ! command -v chromium >/dev/null 2>&1; then
        say "Chromium is not here: the tests of the pages will be skipped (as root: apt-get install chromium)."
    fi
}

case "${1:-}" in
run) what="python_packages requirements.lock; javascript_packages run" ;;
dev) what="python_packages requirements-dev.lock requirements.lock; javascript_packages dev" ;;
browser) what=browser ;;
*) give_up "usage: prepare.sh run | dev | browser" ;;
esac

# Two commands started at once wait for each other.
if command -v flock >/dev/null 2>&1 && : 2>/dev/null >>.prepare.lock; then
    exec 9>>.prepare.lock
    flock 9
fi
eval "$what"
