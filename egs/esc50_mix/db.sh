# Sourced by run.sh: where the corpora are on this machine. Edit, or set the variable in the environment,
# or give `./run.sh --db DIR`.
# shellcheck shell=bash disable=SC2034

# The folder that holds audio/ and meta/esc50.csv (600 MB, CC BY-NC; ESC-10, a part of it, CC BY):
# https://github.com/karolpiczak/ESC-50
ESC50=${ESC50:-}
