# Sourced by run.sh: where the --nj jobs of a stage run.
#   local   worker processes on this machine
#   slurm   one cluster job each, through submitit (pip install 'weaksep[slurm]'); the folder must be shared
# shellcheck shell=bash disable=SC2034

backend=local
# For slurm: the partition, and where the job files go.
# export WEAKSEP_SLURM_PARTITION=cpu
# export WEAKSEP_SLURM_DIR=exp/slurm
