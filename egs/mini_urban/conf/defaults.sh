# Synthetic sounds of five classes, made on the spot: no download, no GPU, minutes.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf     # configuration folder; conf/short is the few minutes that continuous integration runs
db=             # the built-in corpus needs no folder
note="All sounds are synthetic, made by simple physical models: the figures say nothing about real recordings."
