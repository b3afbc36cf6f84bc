#!/usr/bin/env bash
# From a corpus of sound events to a table of separation results, in eight stages.
# Every recipe's run.sh is a link to this one; what differs between recipes is in db.sh and conf/.
set -euo pipefail
unset CDPATH  # with it cd may go elsewhere, and prints where
# In braces, so that bash reads the whole script before it begins: in the hours that it runs it may be edited or pulled.
{
cd "$(dirname "${BASH_SOURCE[0]}")"
. utils/log.sh
. utils/stage_times.sh
. utils/supervise.sh
systems="strong frame clip"
evaluation_classifier=
. ./db.sh
. conf/defaults.sh    # sets config, db and note; some recipes also systems and evaluation_classifier

recipe=$(basename "${PWD}")
stage=data
stop_stage=report
nj=$(nproc)
retries=2
ngpu=1
num_procs=1
num_nodes=1
node_rank=0
rdzv_endpoint=
dist_timeout=120
tag=
download=false
datadir=data
dumpdir=dump
expdir=exp
results=
skip_train=false
classifier_args=
separator_args=
strong_share=
feats_type=
audio_format=
train_threads=1
dry_run=false
clip_s=
background=
max_bad_ratio=0.0
accept_truncated=false
accept=
seed=
seeds=
init=
test_sets="test"
force=false
resume=true
checkpoint_minutes=10.0
allow_cpu=false
trainings_per_gpu=1

help_message=$(
    cat <<EOF
Usage: $0 [options]

From a corpus to a table: trains the separators of --systems on mixtures of the corpus' events and compares them. A
recipe of labelled recordings (with CONFIG/prepare.yaml) mixes nothing and trains on the recordings themselves.
What is up to date is not done again, and the same command continues an interrupted run. Exit status: 0 done, 1 error,
2 mistake on the command line, 130, 143 or 138 interrupted (by Ctrl-C, SIGTERM or SIGUSR1) with everything saved.
Option names may have dashes or underscores. Paths are relative to this recipe's folder, ${PWD}

Stages
    0 data              corpus -> DATADIR/events
    1 mix               events -> DATADIR/{train,valid,test}: mixtures, labels, references (for labelled recordings
                        stage 0 makes these)
    2 feats             audio -> DUMPDIR
    3 train_classifier  -> EXPDIR/classifier_*
    4 train_separator   -> EXPDIR/separator_*
    5 separate          test mixtures -> EXPDIR/*/separated, one file per class
    6 score             -> EXPDIR/*/scores
    7 report            -> RESULTS.md, EXPDIR/report

Options [default]
    --stage N|NAME       first stage to run [${stage}]
    --stop-stage N|NAME  last stage to run [${stop_stage}]
    --systems "A B"      separators to train and score, each described in CONFIG/A.yaml; all: every one in CONFIG; one
                         that fails does not stop the others [${systems}]
    --config DIR         configuration folder [${config}]
    --db DIR             folder of the corpus, instead of the one in db.sh [${db}]
    --download BOOL      fetch the corpus into the folder of --db first, where that can be done [${download}]
    --nj N               worker processes, one thread each; on the CPU stages 3 and 4 train N + 1 systems at a time, or
                         one if N is 1 [${nj}]
    --retries N          where cmd.sh says slurm (--nj jobs at a time): times that a job that failed or was lost is tried
                         again [${retries}]
    --ngpu N             compute on a GPU when there is one (stages 3 to 5); 2 or more: stages 3 and 4 train on so many
                         of each node, one training after the other [${ngpu}]
    --num-procs N        with --ngpu 0: processes that share each training on the CPU [${num_procs}]
    --num-nodes N        machines that share each training of stages 3 and 4, and this folder; on each of them the same
                         command with its own --node-rank [${num_nodes}]
    --node-rank N        number of this machine, from 0; others than 0 take part in stages 3 and 4 alone [${node_rank}]
    --rdzv-endpoint HOST:PORT  of machine 0, where the processes meet [${rdzv_endpoint}]
    --dist-timeout S     seconds after which a process that says nothing counts as lost [${dist_timeout}]
    --trainings-per-gpu N  trainings at a time on a GPU, which small nets leave mostly idle [${trainings_per_gpu}]
    --allow-cpu BOOL     use the CPU when there are GPUs but none is free [${allow_cpu}]
    --tag NAME           added to the names of the experiment folders, after a + [${tag}]
    --seed N             seed of mixtures and trainings [as configured]
    --seeds "A B"        train every system with each of these seeds (EXPDIR/separator_NAME+seedA and so on), on the same
                         mixtures; the report has their mean and spread [${seeds}]
    --init MODEL         fine-tune: the separators begin with this network, an experiment's folder, a packed model or
                         ORG/NAME[@REVISION] on the Hugging Face hub [${init}]
    --classifier-args "..."  settings to override in stage 3: "optim.max_epochs=3 net.units=32" [${classifier_args}]
    --separator-args "..."   settings to override in stage 4: "loss.mixture.weight=10" [${separator_args}]
    --feats-type ark|raw  spectra of fixed clips: from stage 2's Kaldi archives, or computed from the audio in training,
                         which takes no disk space; those of remixes always are [as CONFIG/feats.yaml says]
    --audio-format F     of the audio that stages 0, 1 and 5 write: wav or flac, a file for each sound; wav.ark or flac.ark,
                         archives of some hundred, for file systems that bear no millions of files [as configured; wav]
    --train-threads N    threads of each training on the CPU; weights depend on it, but not on --nj [${train_threads}]
    --strong-share R     share of clips with isolated sources, for semi-supervised systems [their own]
    --dry-run BOOL       run two steps of every training, keep nothing, and stop after stage 4 [${dry_run}]
    --clip-s S           seconds of the clips that stage 0 cuts labelled recordings into [as CONFIG/prepare.yaml says]
    --background DIR     unlabelled recordings to put under the events, where CONFIG/mix.yaml says so: a folder, or a
                         wav.scp [as CONFIG/mix.yaml says]
    --max-bad-ratio R    share of unreadable clips that stages 0 and 1 may leave out, naming each [${max_bad_ratio}]
    --accept-truncated BOOL  stages 0 and 1 use what is left of truncated audio files [${accept_truncated}]
    --accept "A B"       findings in DATADIR/DATA.md that make a result meaningless, and that stage 0 of labelled
                         recordings is not to stop at [${accept}]
    --test-sets "A B"    what systems are scored on: test, and test_NAME for a variant of CONFIG/mix.yaml with a test
                         set; the main tables are of the first [${test_sets}]
    --results FILE       page that stage 7 writes [RESULTS.md, in EXPDIR unless that is exp]
    --force BOOL         do the stages again even if nothing has changed [${force}]
    --resume BOOL        continue trainings that were interrupted; false: train anew [${resume}]
    --checkpoint-minutes M  time between checkpoints within an epoch [${checkpoint_minutes}]
    --skip-train BOOL    leave out stages 3 and 4 [${skip_train}]
    --datadir DIR        [${datadir}]
    --dumpdir DIR        [${dumpdir}]
    --expdir DIR         where experiments go [${expdir}]
    --help
EOF
)
# As it can be pasted again: in quotes what the shell would take apart.
run_command=
for word in "$0" "$@"; do
    [[ ${word} =~ ^[A-Za-z0-9@%+=:,./_-]+$ ]] || word=${word@Q}
    run_command+="${run_command:+ }${word}"
done
. utils/parse_options.sh
[ $# -eq 0 ] || die "this script takes options only, not '$1' (--help lists them)"

stage_names=(data mix feats train_classifier train_separator separate score report)

# stage_number N|NAME: print N.
stage_number() {
    local number
    for number in "${!stage_names[@]}"; do
        if [ "$1" = "${number}" ] || [ "${1//-/_}" = "${stage_names[number]}" ]; then
            printf '%s\n' "${number}"
            return
        fi
    done
    die "no stage '$1': give 0 to 7 or one of ${stage_names[*]}"
}
stage=$(stage_number "${stage}")
stop_stage=$(stage_number "${stop_stage}")
[ "${stage}" -le "${stop_stage}" ] || die "nothing to do: --stage ${stage} comes after --stop-stage ${stop_stage}"
[[ ${nj} =~ ^[1-9][0-9]*$ ]] || die "option --nj takes a number from 1, not '${nj}'"
[[ ${retries} =~ ^[0-9]+$ ]] || die "option --retries takes a number from 0, not '${retries}'"
[[ ${feats_type:-ark} =~ ^(ark|raw)$ ]] || die "option --feats-type takes ark or raw, not '${feats_type}'"
[[ ${train_threads} =~ ^[1-9][0-9]*$ ]] || die "option --train-threads takes a number from 1, not '${train_threads}'"
[[ ${seeds} =~ ^[0-9\ ]*$ ]] || die "option --seeds takes whole numbers like '0 1 2', not '${seeds}'"
[[ ${ngpu} =~ ^[0-9]+$ ]] || die "option --ngpu takes a number from 0, not '${ngpu}'"
[[ ${num_procs} =~ ^[1-9][0-9]*$ ]] || die "option --num-procs takes a number from 1, not '${num_procs}'"
[[ ${num_nodes} =~ ^[1-9][0-9]*$ ]] || die "option --num-nodes takes a number from 1, not '${num_nodes}'"
[[ ${dist_timeout} =~ ^[1-9][0-9]*$ ]] || die "option --dist-timeout takes a number from 1, not '${dist_timeout}'"
[[ ${node_rank} =~ ^[0-9]+$ ]] && [ "${node_rank}" -lt "${num_nodes}" ] ||
    die "option --node-rank takes a number from 0 to $((num_nodes - 1)) (--num-nodes), not '${node_rank}'"
[ "${num_nodes}" -eq 1 ] || [ -n "${rdzv_endpoint}" ] ||
    die "--num-nodes ${num_nodes}: where do the processes meet? --rdzv-endpoint HOST:PORT, of node 0"
[ "${num_procs}" -eq 1 ] || [ "${ngpu}" -eq 0 ] || die "option --num-procs is for trainings on the CPU: give --ngpu 0"
[ "${node_rank}" -eq 0 ] || { [ "${stage}" -ge 3 ] && [ "${stop_stage}" -le 4 ]; } ||
    die "node ${node_rank} takes part in stages 3 and 4 alone: give --stage 3 --stop-stage 4"
[[ ${strong_share:-0.5} =~ ^0?\.[0-9]+$ ]] || die "option --strong-share takes a share like 0.05, not '${strong_share}'"
[ -d "${config}" ] || die "no configuration folder '${config}' in ${PWD}"
[ -z "${clip_s}" ] || [ -e "${config}/prepare.yaml" ] ||
    die "option --clip-s is for labelled recordings; here clip_s in ${config}/mix.yaml says how long clips are"
[ -z "${accept}" ] || [ -e "${config}/prepare.yaml" ] || die "option --accept is for labelled recordings"
[[ ${test_sets} =~ ^test(_[a-z][a-z0-9]*)?(\ +test_[a-z][a-z0-9]*)*$ ]] ||
    die "option --test-sets takes names like 'test test_seen', not '${test_sets}'"
variants=
for test_set in ${test_sets}; do
    [ "${test_set}" = test ] || variants+="${variants:+ }${test_set#test_}"
done
if [ "${expdir}" = exp ]; then results=${results:-RESULTS.md}; else results=${results:-${expdir}/RESULTS.md}; fi

. ./path.sh
. ./cmd.sh
asked=${systems}
if [ "${systems}" = all ]; then
    asked=
    systems=$(weaksep systems --config-dir "${config}" --about false | tr '\n' ' ')
    systems=${systems% }
fi
for system in ${systems}; do  # the command is asked only when it has something to say: it takes its time
    [ -e "${config}/${system}.yaml" ] || weaksep systems --config-dir "${config}" "${system}" >/dev/null || exit 2
done

current_stage=
begin() {
    current_stage=$1
    stage_start=${SECONDS}
    : >"${WEAKSEP_WORK_NOTE}"
    log "Stage $1: ${stage_names[$1]}: $2"
}
# A stage that found everything up to date keeps the time of its last work in the table.
finish() {
    if "${dry_run}" && [ "${current_stage}" -ge 3 ]; then
        log "Stage ${current_stage}: tried, nothing is kept"
    elif [ -s "${WEAKSEP_WORK_NOTE}" ]; then
        record_stage_time "${expdir}/stage_times.tsv" \
            "${current_stage}" "${stage_names[current_stage]}" "$((SECONDS - stage_start))"
    else
        log "Stage ${current_stage}: up to date"
    fi
    current_stage=
}
wanted() {
    [ "${stage}" -le "$1" ] && [ "${stop_stage}" -ge "$1" ]
}
# shellcheck disable=SC2329  # the trap calls it
on_exit() {
    local status=$? again=
    rm -f "${WEAKSEP_WORK_NOTE}" "${failed_note}"
    if [ "${status}" -ne 0 ] && [ -n "${current_stage}" ]; then
        # After a signal, or when the machine killed it; errors say what to do themselves (a full disk: the same command).
        [ "${status}" -le 128 ] || again=". The same command goes on from here"
        log "Stage ${current_stage} stopped with status ${status}, see above${again}" >&2
    fi
}
# The commands append to this file when they do work.
WEAKSEP_WORK_NOTE=$(mktemp)
failed_note=$(mktemp)
export WEAKSEP_WORK_NOTE
trap on_exit EXIT
pass_signals_on

log "${run_command}"
# Finished trainings no longer need the model that they began with.
[ -z "${init}" ] || compgen -G "${expdir}/separator_*/stamp.json" >/dev/null \
    || weaksep systems --config-dir "${config}" --init "${init}" >/dev/null || exit 2
db_options=(${db:+--db "${db}"})
seed_options=(${seed:+--seed "${seed}"})
seeds_options=(${seeds:+--seeds "${seeds}"})
audio_options=(${audio_format:+--audio-format "${audio_format}"})
ranks_options=()
if [ $((num_procs * num_nodes)) -gt 1 ] || [ "${ngpu}" -gt 1 ]; then
    ranks_options=(--num-procs "${num_procs}" --num-nodes "${num_nodes}" --node-rank "${node_rank}"
        --rdzv-endpoint "${rdzv_endpoint}" --dist-timeout "${dist_timeout}")
fi
truncated_options=()
if "${accept_truncated}"; then truncated_options=(--accept-truncated true); fi

# Systems that failed in a stage are left out of later ones and named at the end.
failed=
leave_out_failed() {
    local system kept=
    [ -s "${failed_note}" ] || return 0
    for system in ${systems}; do
        if grep -qxF -- "${system}" "${failed_note}"; then
            failed="${failed} ${system} (stage ${current_stage})"
        else
            kept="${kept} ${system}"
        fi
    done
    systems=${kept# }
    : >"${failed_note}"
    log "continuing without:${failed}"
}

# train TASK SETTINGS OPTIONS: train all classifiers or separators that the systems need.
train() {
    local task=$1 setting settings options=("${@:3}" ${seed:+--set "seed=${seed}"})
    read -ra settings <<<"$2"
    for setting in "${settings[@]}"; do
        options+=(--set "${setting}")
    done
    supervised weaksep train --task "${task}" --config-dir "${config}" --systems "${systems}" \
        --datadir "${datadir}" --dumpdir "${dumpdir}" --expdir "${expdir}" --tag "${tag}" "${seeds_options[@]}" \
        --nj "${nj}" --train-threads "${train_threads}" --ngpu "${ngpu}" --allow-cpu "${allow_cpu}" \
        "${ranks_options[@]}" --trainings-per-gpu "${trainings_per_gpu}" --retries "${retries}" \
        --resume "${resume}" --force "${force}" --checkpoint-minutes "${checkpoint_minutes}" --dry-run "${dry_run}" \
        --failed "${failed_note}" \
        ${strong_share:+--strong-share "${strong_share}"} "${options[@]}"
    leave_out_failed
}

if wanted 0 && ! "${download}"; then
    [ -z "${db}" ] || [ -e "${db}" ] || die "--db ${db}: no such folder; relative paths start at ${PWD}"
fi
if wanted 0 && [ -e "${config}/prepare.yaml" ]; then
    [ -n "${db}" ] || die "no recordings: give --db DIR, or edit db.sh"
    begin 0 "labelled recordings -> ${datadir}/{train,valid,test}"
    labelled=${db}
    if [ -e local/data.sh ]; then  # a corpus whose labels lie in several files, or whose sets are folders
        supervised local/data.sh --recordings true --db "${db}" --out "${datadir}/local"
        labelled=${datadir}/local
    fi
    supervised weaksep prepare --config "${config}/prepare.yaml" --db "${labelled}" \
        --out "${datadir}" --nj "${nj}" --retries "${retries}" --max-bad-ratio "${max_bad_ratio}" \
        "${truncated_options[@]}" "${audio_options[@]}" ${clip_s:+--set "clip_s=${clip_s}"} --force "${force}"
    supervised weaksep diagnose "${datadir}" --config-dir "${config}" --systems "${systems}" \
        --separator-args "${separator_args}" --accept "${accept}" --nj "${nj}" --retries "${retries}" \
        --force "${force}"
    finish
elif wanted 0; then
    begin 0 "corpus -> ${datadir}/events"
    if [ -e local/data.sh ]; then  # no reader in weaksep/corpora: the recipe writes a table of events
        supervised local/data.sh --db "${db}" --out "${datadir}/local"
        db_options=(--db "${datadir}/local")
    fi
    supervised weaksep data --config "${config}/data.yaml" "${db_options[@]}" --download "${download}" \
        --out "${datadir}/events" --nj "${nj}" --retries "${retries}" --max-bad-ratio "${max_bad_ratio}" \
        "${truncated_options[@]}" "${audio_options[@]}" --force "${force}"
    finish
fi

if wanted 1 && [ ! -e "${config}/prepare.yaml" ]; then
    begin 1 "${datadir}/events -> ${datadir}/{train,valid,test}"
    supervised weaksep mix --config "${config}/mix.yaml" "${seed_options[@]}" --events "${datadir}/events" \
        --systems "${systems}" --system-configs "${config}" --variants "${variants}" \
        ${background:+--background "${background}"} --max-bad-ratio "${max_bad_ratio}" "${truncated_options[@]}" \
        "${audio_options[@]}" \
        --out "${datadir}" --nj "${nj}" --retries "${retries}" --force "${force}"
    finish
fi

if wanted 2; then
    begin 2 "${datadir}/{train,valid,test} -> ${dumpdir}"
    supervised weaksep feats --config "${config}/feats.yaml" ${feats_type:+--feats-type "${feats_type}"} \
        --systems "${systems}" --system-configs "${config}" --variants "${variants}" \
        --datadir "${datadir}" --dumpdir "${dumpdir}" --nj "${nj}" --retries "${retries}" --force "${force}"
    finish
fi

if wanted 3 && ! "${skip_train}"; then
    begin 3 "-> ${expdir}/classifier_*"
    train classifier "${classifier_args}" ${evaluation_classifier:+--evaluation-classifier "${evaluation_classifier}"}
    finish
fi

if wanted 4 && ! "${skip_train}"; then
    begin 4 "-> ${expdir}/separator_*"
    train separator "${separator_args}" ${init:+--init "${init}"}
    finish
fi

if "${dry_run}"; then
    wanted 3 || wanted 4 || die "--dry-run: stages 3 and 4 are tried, and neither is asked for"
    log "Successfully finished the dry run. [elapsed=${SECONDS}s]"
    exit 0
fi

if wanted 5; then
    begin 5 "${datadir}/{${test_sets// /,}} -> ${expdir}/*/separated"
    for test_set in ${test_sets}; do
        supervised weaksep infer --systems "${systems}" --tag "${tag}" "${seeds_options[@]}" --expdir "${expdir}" \
            --data "${datadir}/${test_set}" --feats "${config}/feats.yaml" "${audio_options[@]}" \
            --nj "${nj}" --retries "${retries}" --ngpu "$((ngpu > 0))" --allow-cpu "${allow_cpu}" \
            --force "${force}" --failed "${failed_note}"
        leave_out_failed
    done
    finish
fi

if wanted 6; then
    begin 6 "${expdir}/*/separated -> ${expdir}/*/scores"
    for test_set in ${test_sets}; do
        supervised weaksep score --systems "${systems}" --tag "${tag}" "${seeds_options[@]}" --expdir "${expdir}" \
            --data "${datadir}/${test_set}" --dump "${dumpdir}/${test_set}" --nj "${nj}" --retries "${retries}" \
            --force "${force}" ${evaluation_classifier:+--default-evaluation-classifier "${evaluation_classifier}"}
    done
    finish
fi

if wanted 7; then
    begin 7 "${expdir}/*/scores -> ${results}, ${expdir}/report"
    supervised weaksep report --recipe "${recipe}" --expdir "${expdir}" --datadir "${datadir}" --out "${results}" \
        --set "${test_sets%% *}" \
        --config-dir "${config}" ${asked:+--systems "${asked}"} \
        --note "${note}" --note "Configuration: \`${config}\`." --force "${force}"
    finish
fi

if [ -n "${failed}" ]; then
    log "Finished, but not these, see above:${failed}. [elapsed=${SECONDS}s]" >&2
    exit 1
fi
page=
if wanted 7; then
    page=${expdir}/report/index.html
    [ -e "${page}" ] || page=${results}  # without jinja2
    page=$(realpath -m "${page}")
fi
log "Successfully finished. [elapsed=${SECONDS}s]${page:+ Open first: ${page}}"
exit 0
}
