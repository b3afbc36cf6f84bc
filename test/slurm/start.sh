#!/usr/bin/env bash
# A real Slurm on this one machine, for tests: munged, slurmctld and a slurmd for each of several virtual nodes.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "${root}/utils/log.sh"

dir=
nodes=2
cpus=2
stop=false

help_message=$(
    cat <<EOF
Usage: eval "\$($0 --dir DIR)"

Starts what is not running yet, waits until all nodes can be used, and prints the line that makes Slurm's commands use
this cluster. All its files are in DIR, a key and a socket of munge among them. Missing packages are installed where
apt-get and root are there. Exit status 3: they cannot be had.

Options [default]
    --dir DIR    folder of the cluster; one that has been there is started as it was
    --nodes N    virtual nodes, node1 and so on [${nodes}]
    --cpus N     processors that each claims to have, whatever this machine has [${cpus}]
    --stop BOOL  end the jobs, and all that was started here [${stop}]
    --help
EOF
)
. "${root}/utils/parse_options.sh"
[ $# -eq 0 ] || die "this script takes options only, not '$1' (--help lists them)"
[ -n "${dir}" ] || die "give --dir DIR, where the cluster's files go"
if "${stop}" && [ ! -e "${dir}/slurm.conf" ]; then die "no cluster in ${dir}"; fi
mkdir -p "${dir}"
dir=$(cd "${dir}" && pwd)
[ "${#dir}" -lt 80 ] || die "--dir: a path of over 80 characters; a socket's name may not be so long"
export SLURM_CONF=${dir}/slurm.conf

# pid_of NAME: the process in NAME.pid; nothing where that has ended, though another process may have its number.
pid_of() {
    local pid
    { read -r pid <"${dir}/$1.pid"; } 2>/dev/null || return 0
    if tr '\0' ' ' 2>/dev/null <"/proc/${pid}/cmdline" | grep -qF -- "${dir}/"; then printf '%s' "${pid}"; fi
}

# start NAME COMMAND...: begin a daemon that writes NAME.pid, unless it runs.
start() {
    local name=$1
    shift
    [ -n "$(pid_of "${name}")" ] || "$@" >&2 || die "$1 has failed, see ${dir}/log"
}

# end NAME: stop a daemon, and wait until it has gone.
end() {
    local pid
    pid=$(pid_of "$1")
    [ -n "${pid}" ] || return 0
    kill "${pid}" 2>/dev/null || true
    for _ in {1..100}; do
        kill -0 "${pid}" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "${pid}" 2>/dev/null || true
}

if "${stop}"; then
    if [ -n "$(pid_of slurmctld)" ]; then
        timeout 30 scancel --user="$(id -un)" >&2 || true
        for _ in {1..100}; do
            [ -n "$(timeout 30 squeue --noheader 2>/dev/null)" ] || break
            sleep 0.1
        done
    fi
    for pid in "${dir}"/slurmd.*.pid; do
        [ ! -e "${pid}" ] || end "$(basename "${pid}" .pid)"
    done
    end slurmctld
    end munged
    exit 0
fi

missing() {
    local program
    for program in munged slurmctld slurmd sbatch squeue; do
        command -v "${program}" >/dev/null || printf '%s ' "${program}"
    done
}

no_slurm() {
    log "no $(missing)here: $1" >&2
    exit 3
}

PATH=${PATH}:/usr/sbin  # where the daemons are, and which users often do not have
if [ -n "$(missing)" ]; then
    [ "$(id -u)" -eq 0 ] || no_slurm "only root can install them"
    command -v apt-get >/dev/null || no_slurm "there is no apt-get; install Slurm and munge by hand"
    export DEBIAN_FRONTEND=noninteractive
    { timeout 300 apt-get update -qq && timeout 600 apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=120 munge slurm-client slurmctld slurmd; } >&2 || true
    [ -z "$(missing)" ] || no_slurm "apt-get could not install them"
fi

# free_ports N: the first of N ports, one after the other, on which nothing listens.
free_ports() {
    python3 - "$1" <<'EOF'
import random, socket, sys

while True:
    first = random.randrange(20000, 30000)
    sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
    try:
        for number, each in enumerate(sockets):
            each.bind(("127.0.0.1", first + number))
    except OSError:
        continue
    sys.exit(print(first))
EOF
}

if [ ! -e "${SLURM_CONF}" ]; then
    mkdir -p "${dir}/munge" "${dir}/state" "${dir}/spool" "${dir}/log"
    (umask 077 && head -c 1024 /dev/urandom >"${dir}/munge/key")
    host=$(hostname -s)
    user=$(id -un)
    port=$(free_ports "$((nodes + 1))")
    # No cgroups, which a container rarely may make: processes are told apart by their parents.
    cat >"${SLURM_CONF}.tmp" <<EOF
ClusterName=weaksep
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${port}
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
AuthInfo=socket=${dir}/munge/socket,cred_expire=20
CredType=cred/munge
StateSaveLocation=${dir}/state
SlurmdSpoolDir=${dir}/spool/%n
SlurmctldPidFile=${dir}/slurmctld.pid
SlurmdPidFile=${dir}/slurmd.%n.pid
SlurmctldLogFile=${dir}/log/slurmctld.log
SlurmdLogFile=${dir}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=defer,sched_min_interval=0
ReturnToService=2
KillWait=5
NodeName=node[1-${nodes}] NodeHostname=${host} NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=${cpus}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
    mv "${SLURM_CONF}.tmp" "${SLURM_CONF}"
fi

start munged munged --force --key-file="${dir}/munge/key" --socket="${dir}/munge/socket" --pid-file="${dir}/munged.pid" \
    --log-file="${dir}/log/munged.log" --seed-file="${dir}/munge/seed"
start slurmctld slurmctld -f "${SLURM_CONF}"
nodes=$(sed -n 's/^NodeName=node\[1-\([0-9]*\)\].*/\1/p' "${SLURM_CONF}")
for number in $(seq "${nodes}"); do
    start "slurmd.node${number}" slurmd -f "${SLURM_CONF}" -N "node${number}"
done
for _ in {1..300}; do
    usable=$(timeout 30 sinfo --noheader --Node --states=idle,mixed,alloc --responding --format=%N 2>/dev/null | wc -l)
    if [ "${usable}" -eq "${nodes}" ]; then
        printf 'export SLURM_CONF=%q\n' "${SLURM_CONF}"
        exit 0
    fi
    sleep 0.2
done
sinfo --Node --long >&2 || true
die "the nodes do not come up, see ${dir}/log"
