"""`facemogle inspect gates`: how the experts' weights move over steps and places, as one picture."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from facemogle.apps.generate import (
    MAX_SEED,
    OUR_ORDER,
    ClassOrder,
    Device,
    Model,
    Overwrite,
    check_class_order,
)


def gates(
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="[default: the first example of the package]")
    ] = None,
    prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="Caption.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0)] = 0,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1000, help="[default: the model's]")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="PNG")] = Path("gates.png"),
    model: Model = "mini",
    device: Device = None,
    class_order: ClassOrder = OUR_ORDER,
    overwrite: Overwrite = False,
) -> None:
    """Draw how the experts' weights move over steps and places while a face is made."""
    if seed > MAX_SEED:
        raise ValueError(f"seed {seed} is too large, the largest is {MAX_SEED}")
    check_class_order(class_order)
    from facemogle.apps.gates_picture import GateTrace, draw_gates
    from facemogle.apps.jobs import prepare, unread_words
    from facemogle.apps.model import load_pipeline, model_folder
    from facemogle.apps.record import save_picture
    from facemogle.core.label_map import LabelMap

    model_folder(model)
    label_map = LabelMap.read(mask or _example(), order=class_order)
    prepare([out], overwrite=overwrite)
    pipe = load_pipeline(model, device)
    pipe.set_progress_bar_config(disable=None)  # a bar, on a terminal
    output = pipe(prompt, mask=label_map, seed=seed, num_inference_steps=steps, return_gates=True)
    assert output.gates is not None
    assert isinstance(output.images, list)
    image = output.images[0]
    for warning in unread_words(output, 0):
        typer.echo(f"warning: {warning} in {prompt!r}", err=True)
    trace = GateTrace(
        gate_SRN=output.gates[0].float().numpy(),
        t_S=pipe.scheduler.sigmas[: output.gates.shape[1]].cpu().numpy(),
        label_map=label_map.resize(height=image.height, width=image.width),
    )
    save_picture(draw_gates(trace, image, title=f"{prompt or 'no caption'}, seed {seed}"), out)
    typer.echo(str(out))


def _example() -> Path:
    """The first example mask. Raises ValueError when the installation lacks the examples."""
    examples = sorted(Path(str(files("facemogle") / "assets" / "examples")).glob("*.png"))
    if not examples:
        raise ValueError("this installation lacks example masks; give one with --mask FILE")
    return examples[0]
