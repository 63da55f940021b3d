"""What a training run is: every setting in one file (recipes/*.toml), read strictly.

A recipe says all that a run's result depends on, and how it is watched; where it runs and for how long today
is said on the command line. Source of the objective: Zou et al. 2025, arXiv:2509.00428, section 5.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from facemogle.core.config import changed, from_mapping, to_mapping
from facemogle.models.dit import MaskAttention
from facemogle.models.injection import Injection
from facemogle.models.mogle import Variant

MaskVariant = Literal[Variant, Injection]
"""How a mask is read."""

Share = float


@dataclass(frozen=True)
class Data:
    """cache: folder that `facemogle train cache` wrote. resident: hold it in the device's own memory.

    more: caches made alike of other faces, which are learnt from as well.
    """

    cache: str
    more: tuple[str, ...] = ()
    resident: bool = False


@dataclass(frozen=True)
class AutoencoderModel:
    """start: "" for the mini autoencoder from scratch, "mini" or a folder to go on with its decoder alone."""

    start: str = ""


@dataclass(frozen=True)
class GeneratorModelSizes:
    """A FLUX transformer with its caption encoder and MoGLE.

    start: "" for random weights, "mini" or a pipeline folder to go on from, whose sizes then count.
    autoencoder: "mini" or a folder, whose latents the cache holds. variant: how the mask is read, an ablation
    of `models.mogle.MoGLE` or a baseline of `models.injection`. mask_attention: of `models.dit`.
    fresh_mask: with a start, how it read masks is forgotten: MoGLE begins anew, as on FLUX in the paper.
    """

    start: str = ""
    autoencoder: str = "mini"
    num_layers: int = 2
    num_single_layers: int = 6
    heads: int = 4
    head_width: int = 64
    text_width: int = 128
    text_layers: int = 2
    variant: MaskVariant = "full"
    mask_attention: MaskAttention = "joint"
    fresh_mask: bool = False

    def __post_init__(self) -> None:
        if self.fresh_mask and not self.start:
            raise ValueError("fresh_mask is true, must be false without a start: all weights are fresh then")
        if self.start and not self.fresh_mask:
            for name, usual in (("variant", "full"), ("mask_attention", "joint")):
                if getattr(self, name) != usual:
                    raise ValueError(
                        f"{name} is {getattr(self, name)!r}: with a start, whose own counts, it needs "
                        "fresh_mask = true"
                    )
        _positive(self, "num_single_layers", "heads", "head_width", "text_width", "text_layers")
        _positive(self, "num_layers", low=0)
        for name, divisor in (("head_width", 16), ("text_width", 32)):
            if getattr(self, name) % divisor:
                raise ValueError(f"{name} is {getattr(self, name)}, must be divisible by {divisor}")


@dataclass(frozen=True)
class FluxModel:
    """A frozen FLUX.1-dev; adapters on its mask stream and the MoGLE are what learns.

    flux: its folder. start_lora, start_mogle: released files to go on from, "" for fresh ones.
    gate_time_scale: what multiplies t in [0, 1] at the gate; variant: an ablation, see `models.mogle.MoGLE`.
    """

    flux: str
    lora_rank: int = 4
    variant: Variant = "full"
    quantisation: Literal["none", "int8", "nf4", "fp8"] = "none"
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    gate_time_scale: float = 1.0
    start_lora: str = ""
    start_mogle: str = ""

    def __post_init__(self) -> None:
        _positive(self, "lora_rank", "gate_time_scale")
        if self.start_mogle and self.variant != "full":
            raise ValueError(
                f"variant is {self.variant!r}, must be 'full' with start_mogle: released files hold no other"
            )


@dataclass(frozen=True)
class AutoencoderObjective:
    """Weights of the terms (L1 has 1) and noise on decoded latents.

    perceptual: with perceptual_weights, SqueezeNet v1.0 as .safetensors, "" for none. coarse: latents at half
    their size give the picture at half its size, which is to make them easier to generate (Skorokhodov et
    al. 2025, arXiv:2502.14831). regions: the embedded parser finds the same regions, of whole faces alone.
    latent: a pull to unit scale. crop: pixels of a side, divisible by 16. plane_share: of a batch, crops of
    mask planes in place of photographs.
    """

    perceptual: float = 0.1
    perceptual_weights: str = ""
    coarse: float = 0.0
    regions: float = 0.0
    latent: float = 1e-3
    latent_noise: float = 0.05
    crop: int = 64
    plane_share: Share = 1 / 16

    def __post_init__(self) -> None:
        _shares(self, "plane_share")
        if self.crop % 16 or self.crop < 16:
            raise ValueError(f"crop is {self.crop}, must be divisible by 16 and at least 16")


@dataclass(frozen=True)
class GeneratorObjective:
    """Which conditions a face is shown with, and which times are drawn.

    Of the faces that have a mask, `mask_drop` are shown without it and `both_drop` without mask and caption;
    `caption_drop` of all other captions become empty; each local plane is made blank with `plane_drop`.
    masked_share: of a batch, faces that have a mask, where the data has both kinds. t is the sigmoid of a
    normal variable with time_mean and time_std, then shifted towards noise (`core.flow.shifted`).
    """

    caption_drop: Share = 0.15
    mask_drop: Share = 0.15
    both_drop: Share = 0.1
    plane_drop: Share = 0.1
    masked_share: Share = 0.5
    time_mean: float = 0.0
    time_std: float = 1.0
    time_shift: float = 3.0

    def __post_init__(self) -> None:
        _shares(self, "caption_drop", "mask_drop", "both_drop", "plane_drop", "masked_share")
        _positive(self, "time_std", "time_shift")
        if self.mask_drop + self.both_drop > 1:
            raise ValueError(f"mask_drop + both_drop is {self.mask_drop + self.both_drop}, must be at most 1")


@dataclass(frozen=True)
class FluxObjective(GeneratorObjective):
    """The same; a frozen base learns nothing from faces without a mask, so masks are never dropped."""

    caption_drop: Share = 0.1
    mask_drop: Share = 0.0
    both_drop: Share = 0.0
    masked_share: Share = 1.0
    time_shift: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, needed in (("mask_drop", 0.0), ("both_drop", 0.0), ("masked_share", 1.0)):
            if getattr(self, name) != needed:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, must be {needed}: adapters act on mask tokens "
                    "alone, so a face without mask teaches them nothing"
                )


@dataclass(frozen=True)
class Optimizer:
    """muon: Muon for the blocks' matrices, AdamW at half the rate for the rest. prodigy: wants rate 1."""

    name: Literal["muon", "adamw", "prodigy"] = "muon"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)

    def __post_init__(self) -> None:
        _positive(self, "learning_rate")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay is {self.weight_decay}, must not be negative")


@dataclass(frozen=True)
class Schedule:
    """Length and curve of a run, in steps of the optimizer.

    batch_size: samples a step, over all processes and the `accumulate` parts in which each works through its
    share. The rate rises for warmup_steps, stays, and falls to zero over the last decay_share of the run.
    """

    steps: int
    batch_size: int
    accumulate: int = 1
    warmup_steps: int = 200
    decay: Literal["linear", "cosine", "constant"] = "linear"
    decay_share: Share = 0.3
    gradient_clip: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "steps", "batch_size", "accumulate", "gradient_clip")
        _positive(self, "warmup_steps", low=0)
        _shares(self, "decay_share")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size {self.batch_size} must be divisible by accumulate {self.accumulate}"
            )

    def rate(self, step: int) -> float:
        """Factor in (0, 1] on the learning rate of the step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = (self.steps - step) / max(1.0, self.decay_share * self.steps)
        if self.decay == "constant" or left >= 1:
            return warm
        return min(warm, left if self.decay == "linear" else (1 - math.cos(math.pi * left)) / 2)


@dataclass(frozen=True)
class Average:
    """half_lives, in steps, of the moving averages of the weights; the first is what gets exported."""

    half_lives: tuple[float, ...] = (350.0,)

    def __post_init__(self) -> None:
        if (
            not self.half_lives
            or min(self.half_lives) <= 0
            or len(set(self.half_lives)) < len(self.half_lives)
        ):
            raise ValueError(f"half_lives are {list(self.half_lives)}, must be different numbers above 0")


@dataclass(frozen=True)
class Precision:
    """autocast: type of matrix products, weights stay in float32. compile: a slow start, then faster."""

    autocast: Literal["none", "bfloat16"] = "none"
    compile: bool = False
    gradient_checkpointing: bool = False


@dataclass(frozen=True)
class Hardware:
    """sharding: how processes hold the model, whole ("none", DDP) or in parts (FSDP2)."""

    sharding: Literal["none", "fsdp2"] = "none"


@dataclass(frozen=True)
class Validation:
    """every: steps between validations on `faces` held-out faces; previews draws pictures each time."""

    every: int = 500
    faces: int = 256
    previews: bool = True

    def __post_init__(self) -> None:
        _positive(self, "every", "faces")


@dataclass(frozen=True)
class Log:
    """every: steps between rows of the log. save_minutes: between checkpoints, of which `keep` stay."""

    every: int = 50
    save_minutes: float = 3.0
    keep: int = 2
    trackers: tuple[str, ...] = ("tensorboard",)

    def __post_init__(self) -> None:
        _positive(self, "every")
        _positive(self, "save_minutes", low=0)
        if self.keep < 2:
            raise ValueError(f"keep is {self.keep}, must be at least 2: the last one may turn out damaged")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the recipes of all kinds share."""

    WATCHING: ClassVar = ("validation", "log", "hardware")

    kind: str
    seed: int = 0
    data: Data
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule
    average: Average = field(default_factory=Average)
    precision: Precision = field(default_factory=Precision)
    hardware: Hardware = field(default_factory=Hardware)
    validation: Validation = field(default_factory=Validation)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, must not be negative")
        if self.hardware.sharding == "fsdp2":
            if self.optimizer.name == "prodigy":
                raise ValueError(
                    "optimizer 'prodigy' does not know hardware.sharding 'fsdp2': choose 'adamw'"
                )
            if self.kind == "autoencoder":
                raise ValueError("hardware.sharding 'fsdp2' is for transformers, an autoencoder stays whole")

    def identity(self) -> dict[str, Any]:
        """The settings that must stay when a run goes on, by name: those that its result depends on."""
        flat = {}
        for name, value in to_mapping(self).items():
            if name in self.WATCHING:
                continue
            table = value if isinstance(value, dict) else {"": value}
            flat |= {f"{name}.{key}".rstrip("."): setting for key, setting in table.items()}
        return {
            name: value
            for name, value in flat.items()
            if name not in ("data.cache", "data.more", "data.resident", "schedule.accumulate")
        }


@dataclass(frozen=True, kw_only=True)
class AutoencoderRecipe(Recipe):
    """The mini autoencoder, from a cache of pixels."""

    kind: Literal["autoencoder"] = "autoencoder"
    model: AutoencoderModel = field(default_factory=AutoencoderModel)
    objective: AutoencoderObjective = field(default_factory=AutoencoderObjective)


@dataclass(frozen=True, kw_only=True)
class GeneratorRecipe(Recipe):
    """Caption encoder, MoGLE and transformer together, from a cache of latents."""

    kind: Literal["generator"] = "generator"
    model: GeneratorModelSizes = field(default_factory=GeneratorModelSizes)
    objective: GeneratorObjective = field(default_factory=GeneratorObjective)


@dataclass(frozen=True, kw_only=True)
class FluxRecipe(Recipe):
    """Adapters and MoGLE on a frozen FLUX, from a cache of latents and caption embeddings."""

    kind: Literal["flux"] = "flux"
    model: FluxModel
    objective: FluxObjective = field(default_factory=FluxObjective)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model.dtype == "bfloat16" and self.precision.autocast != "bfloat16":
            raise ValueError("model.dtype 'bfloat16' needs precision.autocast 'bfloat16'")
        if self.hardware.sharding == "fsdp2" and self.model.quantisation != "none":
            raise ValueError("hardware.sharding 'fsdp2' cannot cut a quantised base: choose one of both")


_KINDS: dict[str, type[Recipe]] = {
    "autoencoder": AutoencoderRecipe,
    "generator": GeneratorRecipe,
    "flux": FluxRecipe,
}


def read_recipe(path: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a TOML file, with changes such as "schedule.steps=20".

    ValueError names file, setting and value; OSError where the file cannot be read.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no TOML file, {error}") from None
    return recipe_from(changed(values, changes), where=f"{path}: ")


def recipe_from(values: Mapping[str, Any], *, where: str = "") -> Recipe:
    """The recipe of nested mappings, by their `kind`."""
    kind = values.get("kind")
    if kind not in _KINDS:
        raise ValueError(f"{where}kind is {kind!r}, must be one of {', '.join(_KINDS)}")
    return from_mapping(_KINDS[kind], values, where=where)


def _shares(settings: Any, *names: str) -> None:
    for name in names:
        if not 0 <= (value := getattr(settings, name)) <= 1:
            raise ValueError(f"{name} is {value}, must be between 0 and 1")


def _positive(settings: Any, *names: str, low: float | None = None) -> None:
    for name in names:
        value = getattr(settings, name)
        if not math.isfinite(value) or (value <= 0 if low is None else value < low):
            raise ValueError(f"{name} is {value}, must be {'above 0' if low is None else f'at least {low}'}")
