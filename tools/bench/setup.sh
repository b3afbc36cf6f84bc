#!/usr/bin/env bash
# Make the environments of those peers that cannot live in tools/venv: scaper wants an old numpy, asteroid an old
# torchmetrics. One that is complete is left alone, a half-made one is made anew.
set -euo pipefail
unset CDPATH  # with it cd may go elsewhere, and prints where

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${here}/../.." && pwd)
. "${root}/utils/log.sh"

python=python3

help_message=$(
    cat <<EOF
Usage: $0 [options]

Makes ${here}/venv-scaper and ${here}/venv-asteroid.
scaper needs the Debian packages sox and libsox-dev, which root gets.

Options [default]
    --python PROGRAM  Python to build on [${python}]
    --help
EOF
)
. "${root}/utils/parse_options.sh"
[ $# -eq 0 ] || die "this script takes options only, not '$1' (--help lists them)"

# environment NAME CHECK REQUIREMENTS...: make an environment. Each of the REQUIREMENTS, words for pip, is installed by
# itself, in their order; CHECK is what Python must be able to do then.
environment() {
    local venv=${here}/venv-$1 check=$2 words library
    local made_of="${venv} ${*:3}"
    if [ "$(cat "${venv}/.complete" 2>/dev/null)" = "${made_of}" ]; then
        log "${venv} is complete: nothing to do"
        return
    fi
    log "making ${venv}"
    rm -rf "${venv}"
    "${python}" -m venv "${venv}"
    for words in "${@:3}"; do
        log "installing ${words}"
        # shellcheck disable=SC2086  # several words
        (cd "${root}" && "${venv}/bin/python" -m pip --disable-pip-version-check --quiet install ${words})
    done
    # Wheels of torchaudio are made for torch with CUDA: beside torch for CPUs their compiled part does not load, and
    # without it torchaudio does what asteroid asks of it.
    for library in "${venv}"/lib/python*/site-packages/torchaudio/lib/_torchaudio.so; do
        [ ! -e "${library}" ] || "${venv}/bin/python" -c 'import torchaudio' 2>/dev/null || rm "${library}"
    done
    (cd / && "${venv}/bin/python" -c "${check}") || die "${venv}: installed, but this does not work: ${check}"
    printf '%s\n' "${made_of}" >"${venv}/.complete"
    log "${venv} is complete"
}

if ! command -v sox >/dev/null || [ ! -e /usr/include/sox.h ]; then
    install="apt-get install sox libsox-dev"
    [ "$(id -u)" -eq 0 ] || die "scaper needs sox; as root: ${install}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && ${install} -y -qq --no-install-recommends >/dev/null; } || die "scaper needs sox: ${install}"
fi
# jams and torchmetrics import pkg_resources, which setuptools 81 no longer has.
environment scaper "import scaper" "scaper==1.6.5 numpy<2 setuptools<81"
# torch comes first and by itself, as in tools/install.sh. There is no torchaudio of torch's own number: 2.11.1 is the
# newest, and made to load beside later ones. asteroid imports requests and does not ask for it.
environment asteroid "from asteroid.engine.system import System; import asteroid.separate, mir_eval, weaksep" \
    "torch==2.13.0" \
    "asteroid==0.7.0 torchmetrics==0.11.4 torchaudio==2.11.1 pytorch-lightning==2.6.6 requests setuptools<81" \
    "--editable ."
