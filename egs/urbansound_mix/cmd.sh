# Sourced by run.sh: where the --nj jobs of the stages 0 to 2, 5 and 6 run. Trainings run where run.sh runs.
#   local   worker processes on this machine
#   slurm   one cluster job each, through submitit (pip install 'weaksep[slurm]'); the folder must be shared
# shellcheck shell=bash

export WEAKSEP_BACKEND=local
# For slurm: the partition, and where the job files go.
# export WEAKSEP_SLURM_PARTITION=cpu
# export WEAKSEP_SLURM_DIR=exp/slurm
