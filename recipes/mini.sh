#!/usr/bin/env bash
# The embedded model from its data, resumable at any point: mini.sh DATA SQUEEZENET RUNS
#   DATA        folder of celebamask-hq.tar, ffhq.tar and celeba-hq-unlabelled.tar (face/, mask/, attributes.jsonl)
#   SQUEEZENET  SqueezeNet v1.0 weights for the perceptual loss, .safetensors
#   RUNS        folder for the runs; RUNS/generator/pipeline is what ships as src/facemogle/assets/mini
# bfloat16 and compiling pay only where the processor has bfloat16 products; leave them out elsewhere.
# glibc gives freed tensors back to the system and faults them in again, a third of all time: it is told not to.
set -euo pipefail
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000 MALLOC_TOP_PAD_=200000000
data=$1 squeezenet=$2 runs=$3

facemogle train autoencoder --out "$runs/autoencoder" --steps 6000 --batch 16 --bfloat16 \
  --perceptual "$squeezenet" --data "$data/celebamask-hq.tar" --data "$data/ffhq.tar" \
  --data "$data/celeba-hq-unlabelled.tar"

facemogle train generator --out "$runs/generator" --steps 3200 --batch 32 --bfloat16 --compile \
  --autoencoder "$runs/autoencoder/autoencoder" --data "$data/celebamask-hq.tar" --data "$data/ffhq.tar"
