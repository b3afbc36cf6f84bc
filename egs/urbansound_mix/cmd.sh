# Sourced by run.sh: where the --nj jobs of the stages 0 to 2, 5 and 6 run, and the trainings, a job each.
#   local   worker processes on this machine
#   slurm   jobs of a Slurm cluster, a shard each, through submitit (pip install 'weaksep[slurm]'); this folder must be
#           shared with its nodes
# shellcheck shell=bash

backend=${WEAKSEP_BACKEND:-local}

export WEAKSEP_BACKEND=${backend}
# For slurm: what the jobs ask for (partition, time, memory), and where their logs go.
export WEAKSEP_SLURM_CONFIG=${WEAKSEP_SLURM_CONFIG:-conf/slurm.yaml}
export WEAKSEP_SLURM_DIR=${WEAKSEP_SLURM_DIR:-slurm}
