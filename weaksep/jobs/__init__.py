"""One function over many items: in this process, in local worker processes, or on a Slurm cluster."""

from weaksep.jobs.sharded import Claim, bar_off, cut_shards, run_sharded, run_shards, split_evenly

__all__ = ["Claim", "bar_off", "cut_shards", "run_sharded", "run_shards", "split_evenly"]
