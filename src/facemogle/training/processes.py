"""Training with several processes or machines, as torchrun or `accelerate launch` start them.

Each process works on its share of every batch; gradients are averaged. Without such a launcher there is one.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from typing import Any, Literal, cast

import torch
import torch.distributed as dist
from accelerate import PartialState
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

_SHARDED_PARAMETERS = 1 << 16  # of a layer; smaller ones are gathered together with the model itself
_LETTING_GO = 0.2  # seconds; threads that get a core need microseconds


class Processes:
    """Who works on a run: this process's `rank` of `world`, and its device."""

    def __init__(self, device: torch.device):
        state = PartialState(cpu=device.type == "cpu") if _launched() else None
        self.rank, self.world = (state.process_index, state.num_processes) if state else (0, 1)
        self.device = torch.device(str(state.device)) if state and device.type != "cpu" else device

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def spread(self, model: nn.Module, sharding: Literal["none", "fsdp2"] = "none") -> Callable[..., Any]:
        """What to call in place of the model, so that gradients of all processes are averaged.

        fsdp2 cuts every large layer's weights over the processes, in place: optimizers come after. The hooks
        sit on layers, not blocks, for the transformer runs its blocks' layers itself.
        """
        if self.world == 1:
            return model
        if sharding == "fsdp2":
            for layer in model.modules():
                if isinstance(layer, nn.Linear) and layer.weight.numel() >= _SHARDED_PARAMETERS:
                    fully_shard(layer)
            return cast(nn.Module, fully_shard(model))
        return DistributedDataParallel(
            model, device_ids=[self.device] if self.device.type == "cuda" else None
        )

    def mean(self, value: Tensor) -> Tensor:
        """The mean over all processes."""
        if self.world > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
            value /= self.world
        return value

    def any(self, said: bool) -> bool:
        """Whether any process says so; all get the same answer at the same step."""
        if self.world == 1:
            return said
        flag = torch.tensor(float(said), device=self.device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            dist.barrier()

    def close(self) -> None:
        """End the group of processes; best when nothing refers to what `spread` got or made any more.

        Gloo's threads need Python's lock to let go of a collective's tensors. If they still want it when the
        group goes with a model, whose end holds the lock, both wait for ever; if when the interpreter goes,
        it aborts. So they get time to take it, and then are joined with the group's last reference, if that
        is ours: an error's traceback and PyTorch's caches of sharded tensors keep theirs.
        """
        if self.world > 1:
            time.sleep(_LETTING_GO)
            gc.collect()  # models lie in cycles
            dist.destroy_process_group()


def _launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def whole(tensor: Tensor) -> Tensor:
    """A copy on the CPU of a tensor that may lie in parts on the processes, all of which must call this."""
    tensor = tensor.detach()
    if isinstance(tensor, DTensor):
        tensor = tensor.full_tensor()
    return tensor.to("cpu", copy=True)


def laid_out_like(tensor: Tensor, model: Tensor) -> Tensor:
    """A whole tensor, on the device of another and in parts like it."""
    if isinstance(model, DTensor) and tensor.shape == model.shape:
        return distribute_tensor(tensor.to(model.device), model.device_mesh, model.placements)
    return tensor.to(model.device)
