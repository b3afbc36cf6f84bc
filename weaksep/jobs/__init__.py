"""One function over many items: in this process, in local worker processes, or on a Slurm cluster."""

from weaksep.jobs.sharded import run_sharded, split_evenly

__all__ = ["run_sharded", "split_evenly"]
