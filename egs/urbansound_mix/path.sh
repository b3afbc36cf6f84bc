# Sourced by run.sh: find the Python that has weaksep. A recipe may lie anywhere.
# shellcheck shell=bash

. utils/find_weaksep.sh
find_weaksep "${PWD}"

# Tables are sorted by bytes, whatever the user's language.
export LC_ALL=C
# Log lines and progress appear when they happen, also through a pipe.
export PYTHONUNBUFFERED=1
