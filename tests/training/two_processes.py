"""Run by `test_processes.py` under a launcher: trains a small model in the given folder."""

import sys
import time
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from facemogle.training.loop import Draw, Stop, Watch, train
from facemogle.training.optimizers import make_optimizers
from facemogle.training.processes import Processes
from facemogle.training.recipe import Average, Log, Optimizer, Schedule

torch.set_num_threads(1)


class Net(nn.Module):
    """Large enough that its first layer gets cut; its last is reached by some rows only."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.transformer_blocks = nn.Linear(256, 256)
        self.out, self.rare = nn.Linear(256, 1), nn.Linear(256, 1)

    def forward(self, x: Tensor, rare: int) -> Tensor:
        hidden = self.transformer_blocks(x).relu()
        # As GeneratorModel does for its MoGLE: averaging gradients waits for every parameter.
        unused = 0.0 * sum(p.sum() for p in self.rare.parameters()) if not rare else 0.0
        return torch.cat([self.rare(hidden[:rare]), self.out(hidden[rare:])]) + unused


class Sum:
    """Learns the sum of the inputs; every third step no row, else the first of the batch, uses `rare`."""

    def __init__(self, processes: Processes, sharding: str):
        self.model = Net()
        self.forward = processes.spread(self.model, sharding)  # pyright: ignore[reportArgumentType]

    def samples(self, draw: Draw) -> list[str]:
        return []

    def loss(self, draw: Draw) -> dict[str, Tensor]:
        rows = slice(draw.part, None, draw.num_parts)
        x = torch.randn(draw.batch_size, 256, generator=draw.generator())[rows]
        rare = int(draw.step % 3 > 0 and draw.part == 0)
        error = (self.forward(x, rare) - x.sum(1, keepdim=True) / 16).square()
        return {"loss": error.sum() * (draw.num_parts / draw.batch_size)}

    def validate(self, model: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            x = torch.randn(64, 256, generator=torch.Generator().manual_seed(1))
            return {"validation": (self.forward(x, 0) - x.sum(1, keepdim=True) / 16).square().mean().item()}


def learn(processes: Processes, folder: str, sharding: str, optimizer: str, until: str) -> None:
    task = Sum(processes, sharding)
    settings = Optimizer(name=optimizer, learning_rate=1e-2)  # pyright: ignore[reportArgumentType]
    train(
        task,
        make_optimizers(task.model, settings),
        Schedule(steps=12, batch_size=8, warmup_steps=2),
        Path(folder),
        identity={},
        average=Average((3.0,)),
        stop=Stop(steps=int(until)),
        watch=Watch(Log(every=1)),
        processes=processes,
    )


def threads_of_the_group() -> int:
    """Those that still run, as Linux lists them."""
    count = 0
    for path in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # it has ended since
            count += "gloo" in path.read_text()
    return count


def main() -> None:
    processes = Processes(torch.device("cpu"))
    learn(processes, *sys.argv[1:])
    before = threads_of_the_group()
    processes.close()
    stop = time.monotonic() + 2  # a thread that was joined is listed for a moment
    while threads_of_the_group() and time.monotonic() < stop:
        time.sleep(0.01)
    print(f"threads of Gloo: {before} before, {threads_of_the_group()} after")


if __name__ == "__main__":
    main()
