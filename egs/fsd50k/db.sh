# Sourced by run.sh: where the corpora are on this machine. Edit, or set the variable in the environment,
# or give `./run.sh --db DIR`.
# shellcheck shell=bash disable=SC2034

# The folder that holds FSD50K.dev_audio/, FSD50K.eval_audio/, FSD50K.ground_truth/ and FSD50K.metadata/ (30 GB unpacked):
# https://zenodo.org/records/4060432. Each clip has a licence of its own, CC0, CC BY, CC BY-NC or CC Sampling+; the tables
# in data/local have it in a column.
FSD50K=${FSD50K:-}
