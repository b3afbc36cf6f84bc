# Mixtures of the sources of FUSS, all of them CC0, with the labels of FSD50K; in sizes for a CPU.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf     # configuration folder
db=${FUSS}      # corpus folder, from db.sh
note="Sources of FUSS (Wisdom et al., ICASSP 2021; CC0), labelled by FSD50K (Fonseca et al., TASLP 2022; CC BY)."
systems="strong frame clip strong_remix remix remix_classified"
evaluation_classifier=clip  # assesses the sources of all systems
