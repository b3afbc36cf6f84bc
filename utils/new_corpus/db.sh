# Sourced by run.sh: where the corpus is on this machine. Edit, or give `./run.sh --db DIR`.
# shellcheck shell=bash disable=SC2034

CORPUS=${CORPUS:-}
