#!/usr/bin/env bash
# Compare `landslide detect` with other systems: environment, scenes, runs, tables.
#
#   ./run.sh [options of driver.py, such as --threads 2 --repeats 3 --ours "int8=--engine openvino --precision int8"]
#
# SIZE and CHECK_SIZE are the sides of the timed and of the checked scene, FOLDER is where everything is written, EXTRAS
# what landslide-cli needs for --ours (such as openvino), INTO a document whose section is to be replaced.
set -euo pipefail
cd "$(dirname "$0")"
SIZE=${SIZE:-1280}
CHECK_SIZE=${CHECK_SIZE:-896}
FOLDER=${FOLDER:-runs/$SIZE}
WEIGHTS=${WEIGHTS:-../../weights/msasnet-rgb.safetensors}
PIP=".venv/bin/python -m pip install --quiet --disable-pip-version-check"

if [ ! -e .venv/.ready ] || [ requirements.txt -nt .venv/.ready ]; then
    "${PYTHON:-python3}" -m venv .venv
    # torch first and pinned: asked for loosely, it comes with several gigabytes of CUDA libraries.
    $PIP -c ../../constraints.txt torch==2.13.0
    # geoai asks for Python 3.12, but what is called of it runs on 3.11.
    $PIP --no-deps --ignore-requires-python -r requirements.txt
    $PIP --no-deps -e ../..
    touch .venv/.ready
fi
if [ -n "${EXTRAS:-}" ]; then
    $PIP -c ../../constraints.txt -e "../..[$EXTRAS]"
fi

.venv/bin/python scenes.py "$FOLDER" "$WEIGHTS" --size "$SIZE" --check-size "$CHECK_SIZE"
.venv/bin/python driver.py "$FOLDER" "$WEIGHTS" "$@"
.venv/bin/python report.py "$FOLDER" ${INTO:+--into "$INTO"}
