#!/usr/bin/env bash
# The training set of the embedded model from all its faces, resumable at any point: training_set.sh DATA OUT
#   DATA  folder of celebamask-hq.tar, ffhq.tar, ffhq-256.tar, celeba-hq-unlabelled.tar and lfw.tar, all aligned
#   OUT   the new face set: faces of 128 px, masks (hand-made where there are any, else parsed), captions, splits
# Of copies the first is kept, so sets with masks and attributes come first; ffhq-256 repeats faces of ffhq.
set -euo pipefail
data=$1 out=$2

facemogle data build "$data/celebamask-hq.tar" "$data/ffhq.tar" "$data/celeba-hq-unlabelled.tar" \
  "$data/lfw.tar" "$data/ffhq-256.tar" --aligned --size 128 --out "$out"
facemogle data check "$out"
