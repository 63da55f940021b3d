"""`facemogle export`: what a run has learnt, as a model that generates or as files that other tools load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from facemogle.models.dit import FaceMoGLETransformer
    from facemogle.models.mogle import MoGLE
    from facemogle.training.recipe import FluxRecipe, GeneratorRecipe

LORA, MOGLE = "pytorch_lora_weights.safetensors", "mogle.safetensors"
RELEASED_MOGLE = "mogle.pt"  # the name and format that released code asks for; we read the other
_FACTS = "facemogle.json"
_SIGNS = ("model_index.json", _FACTS, "config.json")  # of a model of any kind, which alone gets overwritten


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the model.", show_default=False)],
    average: Annotated[
        float | None, typer.Option(help="Half-life in steps of the average to take; the recipe's first.")
    ] = None,
    weights: Annotated[
        Literal["float16", "bfloat16", "float32"] | None,
        typer.Option(help="Type of a pipeline's weights.  [default: float16, of FLUX bfloat16]"),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Of a FLUX run, the whole pipeline and not its adapters alone.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model at DIR.")] = False,
) -> None:
    """Write the averaged weights of the run's last checkpoint to DIR.

    A generator becomes a folder for `generate --model DIR`; a FLUX run the released files of adapters and
    MoGLE, for FaceMoGLEPipeline.from_flux and other tools; an autoencoder's finished run its autoencoder.
    """
    if not (run / "recipe.toml").is_file():
        raise ValueError(f"{run}: no run is there (no recipe.toml)")
    if out.resolve() in (run.resolve(), *run.resolve().parents):
        raise ValueError(f"--out {out}: holds the run itself; choose another folder")
    _check_out(out, run, overwrite)
    from facemogle.apps.model import quiet_libraries
    from facemogle.training.checkpoint import replace_folder
    from facemogle.training.recipe import FluxRecipe, GeneratorRecipe, read_recipe

    quiet_libraries()
    recipe = read_recipe(run / "recipe.toml")
    pipeline = isinstance(recipe, GeneratorRecipe) or (isinstance(recipe, FluxRecipe) and whole)
    for option, given, read in (
        ("--average", average is not None, isinstance(recipe, (GeneratorRecipe, FluxRecipe))),
        ("--weights", weights is not None, pipeline),
        ("--whole", whole, isinstance(recipe, FluxRecipe)),
    ):
        if given and not read:
            raise ValueError(f"{option} changes nothing of what a run of kind {recipe.kind} becomes")
    temporary = out.with_name(out.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        if isinstance(recipe, GeneratorRecipe):
            _generator(recipe, run, average, weights or "float16", temporary)
        elif isinstance(recipe, FluxRecipe):
            _flux(recipe, run, average, (weights or "bfloat16") if whole else None, temporary)
        elif (run / "autoencoder").is_dir():
            shutil.copytree(run / "autoencoder", temporary)
        else:
            raise ValueError(f"{run}: the autoencoder's run is not finished; --resume goes on with it")
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    replace_folder(temporary, out)
    typer.echo(f"wrote {out}")


def _check_out(out: Path, run: Path, overwrite: bool) -> None:
    """ValueError for a folder with anything in it, unless that is a model and may be overwritten."""
    if out.resolve() in (run.resolve(), *run.resolve().parents):
        raise ValueError(f"{out}: holds the run itself; choose another folder")
    if not out.exists() or not any(out.iterdir()):
        return
    if not any((out / name).is_file() for name in _SIGNS):
        raise ValueError(f"{out}: is not empty and holds no model; choose another folder")
    if not overwrite:
        raise ValueError(f"{out}: is not empty; --overwrite replaces it, or choose another folder")


def _generator(recipe: GeneratorRecipe, run: Path, average: float | None, weights: str, folder: Path) -> None:
    import torch

    from facemogle.apps.train.models import autoencoder_of, build_model, generator_pipeline
    from facemogle.training.checkpoint import load_averages

    model = build_model(recipe, Path(recipe.data.cache), "cpu")
    load_averages(model, run, average)
    pipe = generator_pipeline(model, recipe)
    pipe.to("cpu", getattr(torch, weights)).save_pretrained(folder)
    # Its files as they came, by whose hash caches know it: a run may go on from this model.
    shutil.rmtree(folder / "vae")
    shutil.copytree(autoencoder_of(recipe), folder / "vae")


def _flux(recipe: FluxRecipe, run: Path, average: float | None, weights: str | None, folder: Path) -> None:
    """The released formats, or with `weights` a pipeline, which alone holds an ablation of MoGLE."""
    import torch

    from facemogle.models.checkpoints import save_released_lora, save_released_mogle
    from facemogle.pipeline import FaceMoGLEPipeline
    from facemogle.training.checkpoint import averaged_weights

    if recipe.model.variant != "full" and weights is None:
        raise ValueError(
            f"{run}: its variant is {recipe.model.variant!r}, the released format holds 'full' alone; "
            "--whole writes a pipeline"
        )
    transformer, mogle = _flux_parts(recipe, averaged_weights(run, average))
    folder.mkdir()
    save_released_lora(transformer, folder / LORA)
    if mogle.variant == "full":
        for name in (MOGLE, RELEASED_MOGLE):
            save_released_mogle(mogle, folder / name)
    # What the files cannot say: released code samples with 1000 where these weights may want 1.
    facts = {"gate_time_scale": recipe.model.gate_time_scale}
    (folder / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
    if weights is not None:
        dtype = getattr(torch, weights)
        pipe = FaceMoGLEPipeline.from_flux(
            recipe.model.flux, lora=folder / LORA, dtype=dtype, local_files_only=True
        )
        pipe.register_modules(mogle=mogle.to(dtype))
        pipe.save_pretrained(folder)


def _flux_parts(recipe: FluxRecipe, learnt: dict[str, Tensor]) -> tuple[FaceMoGLETransformer, MoGLE]:
    """Adapters on a base without contents, whose config says what they go with, and MoGLE."""
    import torch

    from facemogle.models.dit import FaceMoGLETransformer
    from facemogle.models.mogle import MoGLE

    config = json.loads((Path(recipe.model.flux) / "transformer" / "config.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        transformer = cast(FaceMoGLETransformer, FaceMoGLETransformer.from_config(config))
        transformer.add_mask_adapters(_rank(learnt))
    assert transformer.mask_adapters is not None
    prefix = "transformer.mask_adapters."
    adapters = {name.removeprefix(prefix): value for name, value in learnt.items() if name.startswith(prefix)}
    transformer.mask_adapters.load_state_dict(adapters, strict=True, assign=True)
    mogle = MoGLE(
        config["in_channels"], variant=recipe.model.variant, gate_time_scale=recipe.model.gate_time_scale
    )
    parts = {
        name.removeprefix("mogle."): value for name, value in learnt.items() if name.startswith("mogle.")
    }
    mogle.load_state_dict(parts, strict=True)
    return transformer, mogle


def _rank(learnt: dict[str, Tensor]) -> int:
    return next(len(value) for name, value in learnt.items() if ".mask_adapters.down." in name)
