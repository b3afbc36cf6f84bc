#!/usr/bin/env bash
# Make a virtual environment with weaksep and the tested versions of all it needs. Run it again as often as you like:
# an environment that is complete is kept, one whose requirements changed is brought up to date, a half-made one is
# made anew.
set -euo pipefail
unset CDPATH  # with it cd may go elsewhere, and prints where

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "${root}/utils/log.sh"

python=
venv=${root}/tools/venv

help_message=$(
    cat <<EOF
Usage: $0 [options]

Makes ${venv} with the versions in tools/constraints.txt, and weaksep itself in editable form.
pip's own settings (index, find-links, proxies) are respected. On a machine without a GPU

    PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu $0

fetches 200 MB instead of several GB.

Options [default]
    --python PROGRAM  Python 3.10 or newer to build on [python3; an existing environment keeps its own]
    --venv DIR        where the environment goes [tools/venv]
    --help
EOF
)
. "${root}/utils/parse_options.sh"
[ $# -eq 0 ] || die "this script takes options only, not '$1' (--help lists them)"

[ ! -d "${venv}" ] || venv=$(cd "${venv}" && pwd)
mark=${venv}/.complete    # written last; holds where and of what the environment was made, see `origin`

check_python() {
    command -v "$1" >/dev/null || die "no program '$1': install Python 3.10 or newer, or name one with --python"
    local version
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || die "'$1' does not run"
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
        || die "'$1' is Python ${version}; weaksep needs 3.10 or newer: name one with --python"
    "$1" -c 'import venv, ensurepip' 2>/dev/null \
        || die "'$1' cannot make environments; on Debian or Ubuntu: sudo apt-get install python${version}-venv"
}

# First line: the environment's place and Python (its programs name both, so another place means making it anew).
# Second line: the repository and a hash of the requirements (other ones can be installed over these).
origin() {
    "${venv}/bin/python" - "${root}" <<'EOF'
import hashlib, pathlib, sys
root = pathlib.Path(sys.argv[1])
requirements = b"\0".join((root / name).read_bytes() for name in ("setup.py", "tools/constraints.txt"))
print(sys.prefix, "%d.%d" % sys.version_info[:2])
print(root, hashlib.sha256(requirements).hexdigest())
EOF
}

# A quick look, without importing torch: do the parts stand, and is weaksep the one of this folder?
works() {
    (cd / && "${venv}/bin/python" - "${root}" && "${venv}/bin/weaksep" --version) >/dev/null 2>&1 <<'EOF'
import importlib.util, pathlib, sys
import numpy, pydantic, soundfile, weaksep, yaml
assert importlib.util.find_spec("torch") and importlib.util.find_spec("pytest")
assert pathlib.Path(weaksep.__file__).resolve() == (pathlib.Path(sys.argv[1]) / "weaksep/__init__.py").resolve()
EOF
}

# Is it complete, in its place, and of the Python that was asked for?
usable() {
    local version='import sys; print("%d.%d" % sys.version_info[:2])'
    [ -e "${mark}" ] && [ "$(head -n 1 "${mark}")" = "$(origin 2>/dev/null | head -n 1)" ] || return 1
    [ -z "${python}" ] || [ "$("${python}" -c "${version}")" = "$("${venv}/bin/python" -c "${version}")" ]
}

[ -z "${python}" ] || check_python "${python}"
if usable; then
    if [ "$(cat "${mark}")" = "$(origin)" ] && works; then
        log "${venv} is complete: nothing to do"
        exit 0
    fi
    log "Step 1/5: ${venv} is not up to date: bringing it there"
    rm "${mark}"
else
    check_python "${python:=python3}"
    if [ -e "${venv}" ]; then
        if [ -n "$(ls -A "${venv}")" ] && [ ! -e "${mark}" ] && [ ! -e "${venv}/.begun" ]; then
            [ -e "${venv}/pyvenv.cfg" ] || die "'${venv}' is there and is no Python environment: give another --venv"
            die "'${venv}' is an environment that this script has not made: give another --venv"
        fi
        log "Step 1/5: ${venv} is half-made, moved, or of another Python: removing it"
        rm -rf "${venv}"
    fi
    log "Step 1/5: making ${venv} with $("${python}" --version)"
    mkdir -p "${venv}"
    : >"${venv}/.begun"
    "${python}" -m venv "${venv}"
fi
venv=$(cd "${venv}" && pwd)
mark=${venv}/.complete

pip=("${venv}/bin/python" -m pip --disable-pip-version-check --quiet)
constraints=${root}/tools/constraints.txt
torch=$(grep '^torch==' "${constraints}")
# torch comes first and by itself: where pip is pointed at CPU wheels, the one it finds there then stays.
log "Step 2/5: installing ${torch} (the big one: 200 MB for CPU, several GB with CUDA)"
"${pip[@]}" install --constraint "${constraints}" "${torch}"
log "Step 3/5: installing weaksep, and what its tests, its report and its site require"
"${pip[@]}" install --constraint "${constraints}" --editable "${root}[test,report,docs,export]"
log "Step 4/5: installing sed_scores_eval, which is compiled"
"${pip[@]}" install --constraint "${constraints}" --editable "${root}[sed]" \
    || log "no sed_scores_eval (it needs a C compiler and Python's headers): tables will lack event-based F and PSDS." \
        "To add it later: ${venv}/bin/python -m pip install -c ${constraints} -e '${root}[sed]'"
log "Step 5/5: checking"
works || die "installed, but weaksep does not start: see ${venv}/bin/weaksep --version"
"${venv}/bin/python" "${root}/tools/check_env.py"
origin >"${mark}.new"
mv "${mark}.new" "${mark}"
log "${venv} is complete"
