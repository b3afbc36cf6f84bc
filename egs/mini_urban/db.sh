# Sourced by run.sh. This recipe's corpus is synthesised by weaksep/corpora: there is no folder to name.
# shellcheck shell=bash
