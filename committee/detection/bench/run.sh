#!/bin/sh
# How fast the look for vote rings is: beside igraph on one million votes, and by size from 10^4 to 10^7.
# igraph is a test tool in a Python environment of its own under target/; nothing is linked with it.
#
#   committee/detection/bench/run.sh [beside|pipeline|windows]...      all of them if none is named
#
# SPEED names a binary that is built already; SIZES other sizes than "10000 100000 1000000 10000000". All of it
# takes some minutes and 3 GiB of memory, the largest size the most of both.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
bench=$root/committee/detection/bench
work=$target/bench
mkdir -p "$work"

speed=${SPEED:-}
if [ -z "$speed" ]; then
    (cd "$root" && cargo build --release --locked -p tacit-detection --example speed)
    speed=$target/release/examples/speed
fi

beside() {
    python=$work/venv/bin/python
    if ! "$python" -c "import igraph, numpy" 2>/dev/null; then
        if ! python3 -m venv --clear "$work/venv" >"$work/venv.log" 2>&1; then
            echo "Not measured beside igraph: python3 with its venv module is missing ($work/venv.log)."
            return
        fi
        if ! "$python" -m pip install --quiet -r "$bench/requirements.txt" >>"$work/venv.log" 2>&1; then
            echo "Not measured beside igraph: pip could not install it ($work/venv.log)."
            rm -r "$work/venv"
            return
        fi
    fi
    "$speed" beside "$python" "$work"
}

# Each size in a process of its own, so that the most memory is its own; of three runs the middle one, and of the
# largest size only one.
pipeline() {
    echo "| board | votes | generator to report, s | with every signal, s | ns a vote | by the clock, s | memory at most | load |"
    echo "|---|---|---|---|---|---|---|---|"
    for size in ${SIZES:-10000 100000 1000000 10000000}; do
        runs="1 2 3" middle=2
        if [ "$size" -ge 10000000 ]; then runs=1 middle=1; fi
        for run in $runs; do
            "$speed" pipeline "$work/votes.csv" "$size" 2>"$work/pipeline-$size-$run.log"
        done | sort -t'|' -k4 -n | sed -n "${middle}p"
    done
    for shape in random dense; do
        "$speed" pipeline "$work/votes.csv" 1000000 "$shape" 2>"$work/pipeline-$shape.log"
    done
    rm -f "$work/votes.csv"
    echo
    echo "Each step's time stands in $work/pipeline-*.log."
}

windows() {
    "$speed" windows
}

for part in ${*:-beside pipeline windows}; do
    case $part in
        beside | pipeline | windows) echo "## $part"; echo; "$part"; echo ;;
        *) echo "beside, pipeline or windows?" >&2; exit 2 ;;
    esac
done
