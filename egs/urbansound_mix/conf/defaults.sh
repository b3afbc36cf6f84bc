# Mixtures of recordings from UrbanSound8K, in the paper's sizes or (conf/subset*) a CPU's.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf/paper      # configuration folder; conf/subset has sizes for a CPU
db=${URBANSOUND8K}     # corpus folder, from db.sh
note="Mixtures of recordings of UrbanSound8K (Salamon, Jacoby, Bello, ACM MM 2014; CC BY-NC)."
