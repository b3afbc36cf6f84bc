# FSD50K: mixtures of the clips with one class alone, or with conf/recordings all clips as they are; sizes for a CPU.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf     # configuration folder
db=${FSD50K}    # corpus folder, from db.sh
note="Clips of FSD50K (Fonseca et al., TASLP 2022), under licences of their own, CC BY-NC among them."
systems="strong frame clip strong_remix remix remix_classified"
evaluation_classifier=clip  # assesses the sources of all systems
