# Sourced by run.sh: where the corpora are on this machine. Edit, or set the variables in the environment,
# or give `./run.sh --db DIR` for the first.
# shellcheck shell=bash disable=SC2034

# The folder that holds fsd_data/, of FUSS_fsd_data.tar.gz: https://zenodo.org/records/3743844. Its sounds are CC0, the
# corpus as a whole is CC BY 4.0.
FUSS=${FUSS:-}
# The folder that holds FSD50K.ground_truth/ (6 MB; CC BY 4.0): https://zenodo.org/records/4060432. Its labels are needed.
FSD50K=${FSD50K:-}
