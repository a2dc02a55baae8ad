#!/usr/bin/env bash
# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
# Renders the rooms, trains and exports the 3D networks in point_models/; goes on where it stopped.
# Usage: train_point_models.sh PYTHON PROCESSES MODEL..., with MODEL res16unet14a or pointweb
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1 processes=$2
shift 2

# Rooms in a data set's layout: the scans are what counts, so there is one small picture each.
prepare_rooms() { # DATASET NAME ROOMS SHARE-OF-VAL SEED
  "$python" -m training rooms --out "data/$2" --format "$1" --domain A --rooms "$3" \
    --split-val "$4" --seed "$5" --frames-per-room 1 --val-frames-per-room 1 --size 64x64 \
    --workers "$processes"
  "$python" -m training prepare --dataset "$1" --root "data/$2" --out "data/$2_prepared" \
    --workers "$processes"
}

for model in "$@"; do
  case $model in
    res16unet14a)
      prepare_rooms scannet rooms_scans 700 0.0572 21
      runs=(rooms_res16unet14a)
      ;;
    pointweb)
      prepare_rooms s3dis rooms_s3dis 400 0.1 22
      runs=(rooms_pointweb rooms_pointweb_second) # the second goes on from the first
      ;;
    *) echo "there is no model '$model'; there are res16unet14a and pointweb" >&2 && exit 2 ;;
  esac
  for run in "${runs[@]}"; do
    "$python" -m torch.distributed.run --standalone --nproc-per-node "$processes" \
      -m training points train "config/experiments/points/$run.yaml"
  done
  # exported beside the model that is there, which goes only when the new one is whole
  new="runs/exported/rooms-$model"
  rm -rf "$new"
  "$python" -m training points export "runs/$run" "$new"
  mkdir -p point_models
  rm -rf "point_models/rooms-$model"
  mv "$new" point_models/
done
