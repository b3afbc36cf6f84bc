# Sourced by run.sh: where the corpora are on this machine. Edit, or set the variable in the environment,
# or give `./run.sh --db DIR`.
# shellcheck shell=bash disable=SC2034

# The folder that holds audio/ and metadata/, as the package `desed` and DCASE's baselines lay it out:
# https://github.com/turpaultn/DESED. The soundbank is on Zenodo (DESED_synthetic); its sounds are from Freesound and each
# has a Creative Commons licence of its own, which the corpus has a file of: look there before you pass on what was made
# of them. The recordings are pieces of videos on YouTube, of which some will be gone.
DESED=${DESED:-}
