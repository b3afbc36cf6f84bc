# Domestic sounds of DESED: mixtures of its soundbank, or with conf/recordings its labelled recordings; for a CPU.
# Sourced by run.sh before the options are read: what differs from recipe to recipe.
# shellcheck shell=bash disable=SC2034

config=conf     # configuration folder
db=${DESED}     # corpus folder, from db.sh
note="DESED (Turpault, Serizel, Shah, Salamon, DCASE 2019); sounds of Freesound with licences of their own."
systems="strong frame clip strong_remix remix remix_classified"
evaluation_classifier=clip  # assesses the sources of all systems
