# Sourced by run.sh: where recordings and labels are on this machine. Edit, or give `./run.sh --db DIR`.
# shellcheck shell=bash disable=SC2034

RECORDINGS=${RECORDINGS:-}
