#!/usr/bin/env bash
# The models that read faces, from their data, resumable at any point: readers.sh DATA SQUEEZENET RUNS
#   DATA        folder of celebamask-hq.tar, ffhq.tar, celeba-hq-unlabelled.tar and lfw.tar, all aligned
#   SQUEEZENET  SqueezeNet v1.0 weights of ImageNet, .safetensors
#   RUNS        folder for the runs; the results are what ships as src/facemogle/assets/{parser,aligner,attributes,judge}
# bfloat16 pays only where the processor has bfloat16 products; leave it out elsewhere.
set -euo pipefail
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000 MALLOC_TOP_PAD_=200000000
data=$1 squeezenet=$2 runs=$3
celebs=$data/celebamask-hq.tar ffhq=$data/ffhq.tar more=$data/celeba-hq-unlabelled.tar lfw=$data/lfw.tar

for half in captions judge; do
  facemogle train attributes --out "$runs/attributes-$half" --half $half --bfloat16 --start "$squeezenet" --data "$ffhq"
done
facemogle train aligner --out "$runs/aligner" --bfloat16 \
  --data "$ffhq" --data "$more" --data "$celebs" --data "$lfw"

# The parser learns from hand-made masks, then from them and its own masks of other faces. The one that ships saw
# 4,113 of those (every second of FFHQ, every eighth of LFW, not sifted), and its second stage was planned as 1,800
# steps and shortened at 255: this repeats the method, not the bits.
facemogle train parser --out "$runs/parser-hand" --steps 1600 --bfloat16 --start "$squeezenet" --data "$celebs"
if [ ! -d "$runs/parsed" ]; then
  facemogle data build "$ffhq" "$more" "$lfw" --aligned --parser "$runs/parser-hand/parser" --out "$runs/parsed"
fi
facemogle train parser --out "$runs/parser" --steps 1100 --learning-rate 8e-4 --bfloat16 \
  --start "$runs/parser-hand/parser" --data "$celebs" --parsed "$runs/parsed"
