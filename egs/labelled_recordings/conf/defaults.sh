# Your own recordings of which only labels are known: nothing is mixed, no source is isolated.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf          # configuration folder
db=${RECORDINGS}     # folder of recordings and labels, from db.sh
systems="remix clip"
evaluation_classifier=clip  # assesses the sources of all systems; trained whatever --systems says
note="Recordings of which only labels are known."
