# Mixtures of recordings from ESC-50, by default its ten classes ESC-10, in sizes for a CPU.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf     # configuration folder
db=${ESC50}     # corpus folder, from db.sh
note="Mixtures of recordings of ESC-50 (Piczak, ACM MM 2015; CC BY-NC, its part ESC-10 CC BY)."
systems="strong frame clip strong_remix remix remix_classified"
