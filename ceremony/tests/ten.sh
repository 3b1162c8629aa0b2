#!/usr/bin/env bash
# A whole ceremony for the sealing circuit, as strangers would hold one: a coordinator, ten contributors to each
# phase of whom two use snarkjs, both beacons, the keys, both programs' verdicts, and a committee that is founded
# with the keys and does the demo's whole job. A rehearsal, since nobody here can wait for drand.
#
#   ceremony/tests/ten.sh [FOLDER]     takes some ten minutes on two cores; everything goes into FOLDER
#
# TACIT names the program (default: target/release/tacit), SNARKJS the other one (default: the tests' own copy),
# CONTRIBUTORS how many there are.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
tacit=$(realpath "${TACIT:-$project/target/release/tacit}")
snarkjs=$(realpath "${SNARKJS:-$project/ceremony/tests/snarkjs/node_modules/.bin/snarkjs}")
contributors=${CONTRIBUTORS:-10}
by_snarkjs=" 4 8 "

root=${1:-$(mktemp -d)}
mkdir -p "$root"
cd "$root"
[ -z "$(ls -A)" ] || { echo "$root is not empty: give another folder." >&2; exit 2; }
table=$root/times
children=()

# Ends what this script has started, and nothing else.
stop() {
    local pid
    for pid in "${children[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${children[@]}"; do wait "$pid" 2>/dev/null || true; done
    children=()
}
trap stop EXIT

now() { date +%s.%N; }
note() { printf '%-34s %8.1f s\n' "$1" "$2" | tee -a "$table"; }
timed() {
    local what=$1 from
    shift
    from=$(now)
    "$@"
    note "$what" "$(echo "$(now) - $from" | bc)"
}
# Runs a command quietly: what it says goes into a file, and is shown if it fails.
quiet() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 || { echo "failed: $*" >&2; tail -n 30 "$log" >&2; return 1; }
}
# Waits until a command holds, for as long as process $1 runs.
until_holds() {
    local pid=$1
    shift
    until "$@"; do
        kill -0 "$pid" 2>/dev/null || { echo "a process ended while it was needed" >&2; return 1; }
        sleep 0.2
    done
}

serve() {
    rm -f address
    "$tacit" --home coordinator ceremony serve town --listen 127.0.0.1:0 --address-file address >>serve.log 2>&1 &
    children+=($!)
    until_holds $! test -s address
    url=http://$(cat address)
}

# A contributor's own program does everything.
alone() {
    quiet "log/phase$1-$2" "$tacit" --home "people/$2" --yes ceremony contribute "$url" \
        --ceremony "$id" --label "contributor $2" --attestation "attestations/phase$1-$2.json" </dev/null
}

# The contribution itself is snarkjs's; the contributor's program fetches, checks, signs and uploads.
with_snarkjs() {
    local phase=$1 who=$2 hands=hands/$1-$2 log=log/phase$1-$2 mine from to
    touch "$log"
    "$tacit" --home "people/$who" --yes ceremony contribute "$url" --ceremony "$id" \
        --label "contributor $who" --attestation "attestations/phase$phase-$who.json" \
        --by-hand "$hands" >"$log" 2>&1 </dev/null &
    mine=$!
    children+=("$mine")
    until_holds "$mine" grep -q '^Contribute to' "$log"
    read -r from to < <(sed -n 's/^Contribute to \(.*\), and put the result into \(.*\)$/\1 \2/p' "$log")
    case $phase in
    1) quiet "$log-snarkjs" "$snarkjs" powersoftau contribute "$from" "$to" --name="contributor $who" -e="typed by $who" ;;
    2) quiet "$log-snarkjs" "$snarkjs" zkey contribute "$from" "$to" --name="contributor $who" -e="typed by $who" ;;
    esac
    wait "$mine" || { tail -n 30 "$log" >&2; return 1; }
    # Others than the one that waits for its end is the service.
    children=("${children[0]}")
}

phase() {
    local who
    for who in $(seq "$contributors"); do
        case $by_snarkjs in
        *" $who "*) timed "phase $1, contributor $who (snarkjs)" with_snarkjs "$1" "$who" ;;
        *) timed "phase $1, contributor $who" alone "$1" "$who" ;;
        esac
    done
}

mkdir log people attestations hands
quiet log/new "$tacit" --home coordinator ceremony new town --name ten --rehearsal \
    --phase1-closes +3h --phase2-closes +6h
id=$(sed -n 's/^id *//p' log/new)
began=$(now)
serve
phase 1
stop
timed "phase 1, beacon and preparing" quiet log/beacon1 "$tacit" --home coordinator ceremony beacon town
serve
phase 2
stop
timed "phase 2, beacon" quiet log/beacon2 "$tacit" --home coordinator ceremony beacon town
timed "finish" quiet log/finish "$tacit" --home coordinator ceremony finish town
note "the ceremony" "$(echo "$(now) - $began" | bc)"

mine=()
for file in attestations/*.json; do mine+=(--attestation "$file"); done
timed "tacit ceremony verify, folder" quiet log/verify "$tacit" --home doubter ceremony verify town --ceremony "$id" "${mine[@]}"
serve
timed "tacit ceremony verify, address" quiet log/verify-url "$tacit" --home doubter ceremony verify "$url" --ceremony "$id"
stop
last=$(printf %04d $((contributors + 1)))
timed "snarkjs powersoftau verify" quiet log/snarkjs-powers "$snarkjs" powersoftau verify "town/powers/$last.ptau"
timed "snarkjs powersoftau verify, prepared" quiet log/snarkjs-prepared "$snarkjs" powersoftau verify town/powers/prepared.ptau
timed "snarkjs zkey verify" quiet log/snarkjs-key "$snarkjs" zkey verify town/circuits/sealing.r1cs \
    town/powers/prepared.ptau "town/keys/$last-sealing.zkey"
for log in log/snarkjs-powers log/snarkjs-prepared; do grep -q "Powers of Tau Ok" "$log" || { cat "$log" >&2; exit 1; }; done
grep -q "ZKey Ok" log/snarkjs-key || { cat log/snarkjs-key >&2; exit 1; }

timed "demo on the ceremony's keys" quiet log/demo "$tacit" --home demo demo --ceremony town --dir bundles
echo
cat log/verify
echo
echo "Everything held. Times:"
cat "$table"
echo "Everything lies in $root: the ceremony in town/, what each program said in log/."
