#!/usr/bin/env bash
# The paper's three systems on a GPU that is lent for minutes at a time: each run does a piece and leaves all that the
# next one needs in a folder, on whatever machine that is.
set -euo pipefail
unset CDPATH  # with it cd may go elsewhere, and prints where
# In braces: see run.sh.
{
export LC_ALL=C
caller=${PWD}
cd "$(dirname "${BASH_SOURCE[0]}")/../egs/urbansound_mix"
. utils/log.sh
. utils/supervise.sh

db=
keep=
minutes=13.0
saving=60
steps=125000
classifier_steps=0
epoch_steps=2500
config=conf/paper
ngpu=1
nj=$(nproc)
systems="strong frame clip"
work=exp_paper
classifier_args=
separator_args=

help_message=$(
    cat <<EOF
Usage: $0 --db DIR --keep DIR [options]

Trains the systems of urbansound_mix's conf/paper for equally many steps, in pieces of a few minutes, each perhaps on
another, bare machine: sets up weaksep where it is missing, takes back what the last piece has left in --keep, makes the
mixtures again (the same ones, bit for bit), trains all systems side by side on one device, stops in time, and saves
networks, checkpoints and histories. When all have their steps it separates, scores and writes the report, which has to
fit into one piece. The same command does the next piece. Exit status: 0 done, or stopped because the time was over; 1
error; 2 mistake on the command line; 130 or 143 interrupted. On a GPU a training begins only while half of the memory is
free. --db and --keep are relative to the current folder, other paths to ${PWD}

KEEP/state.tar     is replaced as a whole at the end of a piece
KEEP/progress.tsv  steps of each training so far, steps a second, minutes to go
KEEP/RESULTS.md, results.json   when all is done

Options [default]
    --db DIR              folder of UrbanSound8K
    --keep DIR            what outlives the machine
    --minutes M           length of a piece, setting up and saving included [${minutes}]
    --saving S            seconds of it for the end: checkpoints, and writing --keep (a gigabyte) [${saving}]
    --steps N             of each separator, a multiple of --epoch-steps [${steps}]
    --classifier-steps N  at most, of each classifier; their patience is the configuration's [0: as --steps]
    --epoch-steps N       between two validations [${epoch_steps}]
    --systems "A B"       what is trained side by side [${systems}]
    --config DIR          configuration folder [${config}]
    --ngpu 0|1            1: refuse to begin without a GPU [${ngpu}]
    --nj N                worker processes for mixing and scoring [${nj}]
    --classifier-args "..."  more settings of the classifiers, as those of run.sh [${classifier_args}]
    --separator-args "..."   and of the separators [${separator_args}]
    --work DIR            for mixtures and experiments (20 GB), not needed by the next piece; one outside of the
                          recipe's folder has to be the same in all pieces [${work}]
    --help
EOF
)
. utils/parse_options.sh
[ $# -eq 0 ] || die "this script takes options only, not '$1' (--help lists them)"
[ -n "${db}" ] || die "no recordings: give --db DIR"
[ -n "${keep}" ] || die "no folder that outlives the machine: give --keep DIR"
[ -d "${config}" ] || die "no configuration folder '${config}' in ${PWD}"
[[ ${ngpu} =~ ^[01]$ ]] || die "option --ngpu takes 0 or 1, not '${ngpu}'"
[ "${classifier_steps}" -ne 0 ] || classifier_steps=${steps}
for number in "${epoch_steps}" "${saving}" "${nj}"; do
    [ "${number}" -gt 0 ] || die "options --epoch-steps, --saving and --nj take numbers from 1, not '${number}'"
done
for number in "${steps}" "${classifier_steps}"; do
    { [ "${number}" -gt 0 ] && [ $((number % epoch_steps)) -eq 0 ]; } ||
        die "${number} steps cannot be cut into epochs of ${epoch_steps}: see --steps and --epoch-steps"
done
deadline=$(awk -v minutes="${minutes}" -v saving="${saving}" 'BEGIN { printf "%d", 60 * minutes - saving }')
[ "${deadline}" -gt 0 ] || die "--minutes ${minutes} leaves nothing beside the --saving of ${saving} s"
db=$(cd "${caller}" && realpath -m -- "${db}")
keep=$(cd "${caller}" && realpath -m -- "${keep}")
exp=${work}/exp
state=${keep}/state.tar

# Locks that end with the last process of a piece, as those of weaksep do.
for folder in "${keep}" "${work}"; do  # files in them are replaced and removed: only in folders that were begun here
    # (Hidden files may have been lost on the way from machine to machine.)
    [ -e "${folder}/.piece.lock" ] || { [ -e "${folder}/state.tar" ] && [ -e "${folder}/progress.tsv" ]; } ||
        [ -z "$(ls -A "${folder}" 2>/dev/null)" ] ||
        die "${folder}: holds other files; give --keep and --work folders that are empty or not there yet"
done
mkdir -p "${keep}" "${work}"
for folder in "${keep}" "${work}"; do
    exec {lock}>>"${folder}/.piece.lock"
    flock --nonblock "${lock}" || die "${folder}: another piece works here; wait until it has ended (or end it)"
done

# What must be the same in all pieces, or weaksep would begin the trainings anew.
plan="--steps ${steps} --classifier-steps ${classifier_steps} --epoch-steps ${epoch_steps} --config ${config##*/}"
plan+=" --systems '${systems}' --classifier-args '${classifier_args}' --separator-args '${separator_args}'"
case $(realpath -m -- "${work}") in
    "${PWD}"/*) ;;                       # tables name files relative to the recipe's folder
    *) plan+=" --work ${work}" ;;
esac
plan+=" (configuration $(cat "${config}"/*.yaml | cksum))"

# Which saved state the experiments here go on from: the place and time of the file. Another one is newer, or another's.
origin() {
    printf '%s %s\n' "${keep}" "$(stat -c '%y %s' "${state}" 2>/dev/null || echo none)"
}

# take_back: make the experiments here those of --keep. The mixtures stay: they are the same for all.
take_back() {
    local new=${work}/state.new
    [ ! -e "${exp}" ] || [ -e "${exp}/origin" ] || die "${exp}: not of this script; give another --work"
    if [ ! -e "${exp}" ] || [ "$(cat "${exp}/origin")" != "$(origin)" ]; then
        rm -rf "${new}" "${exp}" "${work}/statistics"
        mkdir -p "${new}/exp"
        if [ -e "${state}" ]; then
            log "going on from ${state}"
            tar -C "${new}" -xf "${state}" || die "${state}: cannot be unpacked here, see above"
            mv "${new}/statistics" "${work}/statistics"
        else
            printf '%s\n' "${plan}" >"${new}/exp/plan"
        fi
        origin >"${new}/exp/origin"
        mv "${new}/exp" "${exp}"
        rm -rf "${new}"
    fi
    [ "$(cat "${exp}/plan")" = "${plan}" ] ||
        die "${keep}: begun with $(cat "${exp}/plan"), and now it is ${plan}; give the same as before, or another --keep"
}

# into_keep FILE...: put copies into --keep, each as a whole.
into_keep() {
    local file
    for file in "$@"; do
        cp "${file}" "${keep}/.${file##*/}.new" && mv "${keep}/.${file##*/}.new" "${keep}/${file##*/}" || return
    done
}

# save: write the state to --keep, without what can be made again and the checkpoints of trainings that have ended.
save() {
    local stamp spare=()
    for stamp in "${exp}"/*/stamp.json; do
        [ ! -e "${stamp}" ] || spare+=(--exclude="exp/$(basename "${stamp%/*}")/checkpoint.pt")
    done
    tar -C "${work}" --exclude=separated --exclude=report --exclude=checkpoint.prev.pt --exclude=.lock "${spare[@]}" \
        -cf "${state}.new" exp statistics \
        && sync "${state}.new" && mv "${state}.new" "${state}" && origin >"${exp}/origin"
}

# progress: print how far each training is, and put the table into --keep.
progress() {
    # shellcheck disable=SC2086  # names, separated by blanks
    python ../../tools/pieces.py progress "${exp}" "${steps}" "${classifier_steps}" ${systems} >"${work}/progress.tsv"
    into_keep "${work}/progress.tsv"
    awk -F '\t' '{ printf "%-20s %9s %9s %15s %14s\n", $1, $2, $3, $4, $5 }' "${work}/progress.tsv"
}

# in_time COMMAND...: its status; 124 when the time was over, and it was asked to end and has. One that does not is killed
# in the middle of --saving: what it has on the disk is whole.
in_time() {
    local left=$((deadline - SECONDS)) status=0
    [ "${left}" -gt 0 ] || return 124
    supervised timeout --foreground --kill-after="$((saving / 2 + 1))" "${left}" "$@" || status=$?
    [ "${status}" -ne 137 ] || [ "${SECONDS}" -lt "${deadline}" ] || status=124
    return "${status}"
}

# recipe ARGUMENTS...: run.sh as all stages need it. Features come from the audio: archives would be 15 GB, and are
# quicker only on a slow processor.
recipe() {
    in_time ./run.sh --config "${config}" --db "${db}" --systems "${systems}" --ngpu "${ngpu}" --nj "${nj}" \
        --feats-type raw --datadir "${work}/data" --dumpdir "${work}/dump" --expdir "${exp}" "$@"
}

# make_data: stages 0 to 2; the statistics of the features are those of the first piece, see tools/pieces.py.
make_data() {
    local new=${work}/statistics.new file
    recipe --stop-stage 2 || return
    if [ ! -e "${work}/statistics" ]; then
        rm -rf "${new}"
        for file in "${work}"/dump/{train,valid}/{cmvn.ark,references.sha256}; do
            [ ! -e "${file}" ] || install -D -m 644 "${file}" "${new}/${file#"${work}/dump/"}" || return
        done
        mv "${new}" "${work}/statistics" || return
    fi
    python ../../tools/pieces.py keep_statistics "${work}/dump" "${work}/statistics"
}

# train SYSTEM: its classifier, if it needs one, and itself.
# shellcheck disable=SC2329
train() {
    local task setting settings options
    for task in classifier separator; do
        if [ "${task}" = classifier ]; then
            read -ra settings <<<"${classifier_args} optim.max_epochs=$((classifier_steps / epoch_steps))"
        else
            read -ra settings <<<"${separator_args} optim.max_epochs=$((steps / epoch_steps))"
            settings+=("optim.patience=$((steps / epoch_steps))")    # none ends before the others
        fi
        options=()
        for setting in "${settings[@]}" "optim.epoch_steps=${epoch_steps}"; do
            options+=(--set "${setting}")
        done
        in_time weaksep train --task "${task}" --config-dir "${config}" --systems "$1" --ngpu "${ngpu}" \
            --datadir "${work}/data" --dumpdir "${work}/dump" --expdir "${exp}" "${options[@]}" || return
    done
}

# side_by_side: train all systems, each in a process of its own, since on a GPU one process trains one after the other.
# The status is 1 if one has failed, else 124 if the time was too short. It is run in the background, see `supervised`.
# shellcheck disable=SC2329
side_by_side() {
    local system status worst=0 stopped=false pids=()
    trap 'stopped=true; kill -s TERM "${pids[@]}" 2>/dev/null || true' TERM
    for system in ${systems}; do
        # A process of its own begins without the traps of the one that starts it.
        (interrupted=0 && supervised_pid='' && pass_signals_on && train "${system}") &
        pids+=($!)
    done
    if "${stopped}"; then kill -s TERM "${pids[@]}" 2>/dev/null || true; fi
    for system in ${systems}; do
        status=0
        wait "${pids[0]}" || status=$?
        while kill -0 "${pids[0]}" 2>/dev/null; do
            status=0
            wait "${pids[0]}" || status=$?
        done
        pids=("${pids[@]:1}")
        case ${status} in
            0) ;;
            124 | 130 | 143) [ "${worst}" -ne 0 ] || worst=${status} ;;
            *)
                log "${system} has failed, see above; the others go on" >&2
                worst=1
                ;;
        esac
    done
    return "${worst}"
}

# separate_and_report: stages 5 to 7.
separate_and_report() {
    recipe --stage 5 && into_keep "${exp}"/{results.json,RESULTS.md}
}

# stopped STATUS WHAT: say why, and set the script's own status: 0 if only the time was over.
stopped() {
    case $1 in
        124) status=0 && log "the time is over in $2" ;;
        130 | 143) status=$1 && log "interrupted in $2" >&2 ;;
        *) status=1 && log "$2 stopped with status $1, see above" >&2 ;;
    esac
}

status=
pass_signals_on
take_back
if [ -e "${keep}/RESULTS.md" ]; then
    log "${keep}/RESULTS.md is there: nothing to do"
    exit 0
fi
# shellcheck source=../egs/urbansound_mix/path.sh
if ! (. ./path.sh) >/dev/null 2>&1; then
    log "no weaksep here: setting it up"
    in_time ../../tools/install.sh || stopped $? "the installation"
fi
if [ -z "${status}" ]; then
    # shellcheck source=../egs/urbansound_mix/path.sh
    . ./path.sh
    [ "${ngpu}" -eq 0 ] || python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
        die "this machine shows no GPU that PyTorch can use (--ngpu 0 takes the CPU)"
    make_data || stopped $? "stages 0 to 2"
fi
if [ -n "${status}" ]; then
    [ "${status}" -ne 0 ] || log "nothing was trained: give more --minutes" >&2
    exit "$((status ? status : 1))"
fi
log "training ${systems}, ${steps} steps each; $((deadline - SECONDS)) s are left"
supervised side_by_side || stopped $? "stages 3 and 4"
[ -n "${status}" ] || separate_and_report || stopped $? "stages 5 to 7"
save || { log "the state could not be written to ${keep}, see above" >&2; exit 1; }
progress
if [ -e "${keep}/RESULTS.md" ]; then
    log "Successfully finished: ${keep}/RESULTS.md [elapsed=${SECONDS}s]"
else
    log "This piece is over; the same command goes on from ${state} [elapsed=${SECONDS}s]"
fi
exit "${status:-0}"
}
