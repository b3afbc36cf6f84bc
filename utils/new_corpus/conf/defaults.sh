# A corpus of our own.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034,SC2154

config=conf      # configuration folder
db=${CORPUS}     # corpus folder, from db.sh
note="Where the sounds come from, and their licence."
