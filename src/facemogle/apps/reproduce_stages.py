"""The stages of `facemogle reproduce mini`, each a command of this program, and what each is made of."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facemogle.apps.train.options import fingerprint

Value = bool | str | Path | list[Path]
ARCHIVES = ("celebamask-hq", "ffhq", "celeba-hq-unlabelled", "lfw", "ffhq-256")
READERS = ("attributes", "parser-hand", "parsed", "parser", "judge", "aligner")
"""Stages that give models which read faces, and ship as well."""
_CHECKPOINT = "checkpoints/step-{:08d}"


@dataclass(frozen=True)
class Stage:
    """A command whose result lies in OUT/NAME.

    gives: what that is. product: the file or folder in OUT/NAME that is there once all is done, "" for a
    command that leaves nothing. settings: options of the command, or what changes in its recipe; paths below
    OUT are the results of other stages. sources: what the command takes without a name.
    """

    name: str
    gives: str
    command: str
    product: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    sources: tuple[Path, ...] = ()
    recipe: Path | None = None

    def arguments(self, out: Path, device: str | None = None) -> list[str]:
        """The command line. Raises the command's own errors for what it or its recipe does not know."""
        given = [str(path) for path in (self.recipe, *self.sources) if path is not None]
        if self.recipe is not None:
            given += [part for change in self.changes() for part in ("--set", change)]
            given.append("--resume")
        else:
            for name, value in self.settings.items():
                if isinstance(value, bool):
                    given.append(f"--{name}" if value else f"--no-{name}")
                else:
                    values = value if isinstance(value, list) else [value]
                    given += [part for each in values for part in (f"--{name}", str(each))]
        if self.product:
            given += ["--out", str(out / self.name)]
        words = self.command.split()
        command = _command(words)
        if device is not None and any(parameter.name == "device" for parameter in command.params):
            given += ["--device", device]
        command.make_context(f"facemogle {self.command}", list(given))
        return [*words, *given]

    def made_of(self, out: Path) -> dict[str, Any]:
        """All that the result hangs on, by name: settings, and in place of paths what lies there."""
        from facemogle.training.recipe import read_recipe

        made: dict[str, Any] = dict(self.settings)
        if self.recipe is not None:
            made = read_recipe(self.recipe, self.changes()).identity()
        return made | {
            name: ", ".join(_content(path, out) for path in paths) for name, paths in self._paths()
        }

    def needs(self, out: Path) -> set[str]:
        """The stages whose results it takes."""
        return {_stage_of(path, out) for _, paths in self._paths() for path in paths if _is_in(path, out)}

    def place(self, out: Path) -> Path:
        """What is there once the stage is begun, and has to go for it to be done anew."""
        if not self.product:
            return record_of(out, self.name)
        unfinished = out / f"{self.name}.part"  # of a face set
        return unfinished if unfinished.exists() else out / self.name

    def is_begun(self, out: Path) -> bool:
        return self.place(out).exists()

    def is_done(self, out: Path) -> bool:
        if self.product:
            return (out / self.name / self.product).exists()
        return read_record(out, self.name).get("done", False)

    def _paths(self) -> list[tuple[str, list[Path]]]:
        """Where it reads from, by the names of its settings."""
        found = []
        for name, value in {**self.settings, "sources": list(self.sources)}.items():
            values = value if isinstance(value, list) else [value]
            if paths := [path for path in values if isinstance(path, Path)]:
                found.append((name, paths))
        return found

    def changes(self) -> list[str]:
        """What `--set` takes, for a recipe."""
        return [f"{name}={value}" for name, value in self.settings.items()]


def stages_of(
    data: Path,
    out: Path,
    *,
    recipes: Path,
    squeezenet: Path | None = None,
    shipped_readers: bool = False,
    bfloat16: bool = True,
    changes: Sequence[str] = (),
) -> list[Stage]:
    """The stages in their order: what the model needs, the model, its figures, what ships beside it.

    changes: "STAGE.NAME=VALUE", an option of the stage's command or a setting of its recipe. ValueError names
    each file that is missing, and a change of a stage that there is not.
    """
    archives = [data / f"{name}.tar" for name in ARCHIVES]
    celebs, ffhq, more, lfw, ffhq_256 = archives
    recipe = {name: recipes / f"{name}.toml" for name in ("autoencoder", "mini")}
    _check_files("--data", out, archives)
    _check_files("--recipes (recipes/ of the project's sources)", out, recipe.values())
    _check_files("--squeezenet", out, [] if squeezenet is None else [squeezenet])
    start: dict[str, Value] = {} if squeezenet is None else {"start": squeezenet}
    perceptual: dict[str, Value] = {} if squeezenet is None else {"objective.perceptual_weights": squeezenet}
    products: dict[str, Value] = {"bfloat16": bfloat16}
    autocast: dict[str, Value] = {} if bfloat16 else {"precision.autocast": "none"}
    faces, model, autoencoder = out / "faces", out / "model", out / "autoencoder" / "autoencoder"
    first_parser, parser, predictor = (
        out / name for name in ("parser-hand/parser", "parser/parser", "attributes/attributes")
    )

    def halved(half: str) -> dict[str, Value]:
        return {"data": ffhq, "half": half, **start, **products}

    def read_by(parser: Path, predictor: Path) -> dict[str, Value]:
        own: dict[str, Value] = {} if shipped_readers else {"parser": parser, "predictor": predictor}
        return {"aligned": True, **own}

    stages = [
        Stage("attributes", "what writes captions", "train attributes", "attributes", halved("captions")),
        # The parser learns from hand-made masks, then from them and its own masks of other faces.
        Stage(
            "parser-hand",
            "a first parser, from hand-made masks alone",
            "train parser",
            "parser",
            {"data": celebs, "steps": "1600", **start, **products},
        ),
        Stage(
            "parsed",
            "its masks of other faces",
            "data build",
            "report.json",
            read_by(first_parser, predictor),
            (ffhq, more, lfw),
        ),
        Stage(
            "parser",
            "what finds masks, from both kinds of them",
            "train parser",
            "parser",
            {"data": celebs, "parsed": out / "parsed", "start": first_parser}
            | {"steps": "1100", "learning-rate": "8e-4", **products},
        ),
        # Of copies the first is kept, so sets with masks and attributes come first; ffhq-256 repeats ffhq's.
        Stage(
            "faces",
            "the training set: faces, masks, captions, splits",
            "data build",
            "report.json",
            {**read_by(parser, predictor), "size": "128"},
            (celebs, ffhq, more, lfw, ffhq_256),
        ),
        Stage("check", "each of its faces read again", "data check", "", sources=(faces,)),
        Stage(
            "pixels",
            "its photographs, to be read quickly",
            "train cache",
            "manifest.json",
            {"data": faces, "pixels": True},
        ),
        Stage(
            "autoencoder",
            "the autoencoder",
            "train run",
            "autoencoder",
            {"data.cache": out / "pixels", **perceptual, **autocast},
            recipe=recipe["autoencoder"],
        ),
        Stage(
            "latents",
            "the training set, encoded",
            "train cache",
            "manifest.json",
            {"data": faces, "autoencoder": autoencoder},
        ),
        Stage(
            "generator",
            "the generator",
            "train run",
            _CHECKPOINT,
            {"data.cache": out / "latents", "model.autoencoder": autoencoder, **autocast},
            recipe=recipe["mini"],
        ),
        Stage(
            "model",
            "all of it, to generate with",
            "export",
            "model_index.json",
            {"overwrite": True},
            (out / "generator",),
        ),
        *(
            Stage(
                f"evaluation-{task}",
                f"figures of held-out faces, given {given}",
                "evaluate",
                "report.json",
                {"model": model, "data": faces, "task": task},
            )
            for task, given in (("both", "mask and caption"), ("mask", "the mask"), ("text", "the caption"))
        ),
        Stage("judge", "what judges captions", "train attributes", "attributes", halved("judge")),
        Stage(
            "aligner",
            "what aligns faces in photographs",
            "train aligner",
            "aligner",
            {"data": [ffhq, more, celebs, lfw], **products},
        ),
    ]
    own = _by_stage(changes, [stage.name for stage in stages])
    if shipped_readers:
        stages = [stage for stage in stages if stage.name not in READERS]
    return [_changed(stage, own.get(stage.name, {})) for stage in stages]


def record_of(out: Path, name: str) -> Path:
    """The file beside a stage's folder that says what it is made of."""
    return out / f"{name}.json"


def read_record(out: Path, name: str) -> dict[str, Any]:
    """The content of a stage's record, empty if there is none."""
    path = record_of(out, name)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _changed(stage: Stage, own: Mapping[str, str]) -> Stage:
    """The stage with the user's settings; what a command calls true and false are flags."""
    flags = {"true": True, "false": False} if stage.recipe is None else {}
    stage = replace(
        stage, settings={**stage.settings, **{name: flags.get(value, value) for name, value in own.items()}}
    )
    if stage.product != _CHECKPOINT:
        return stage
    from facemogle.training.recipe import read_recipe

    assert stage.recipe is not None
    steps = read_recipe(stage.recipe, stage.changes()).schedule.steps
    return replace(stage, product=_CHECKPOINT.format(steps))


def _by_stage(changes: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
    own: dict[str, dict[str, str]] = {}
    for change in changes:
        path, sign, value = change.partition("=")
        stage, _, name = path.partition(".")
        if not sign or not name:
            raise ValueError(
                f"--set {change}: changes are written STAGE.NAME=VALUE, as generator.schedule.steps=20"
            )
        if stage not in names:
            near = difflib.get_close_matches(stage, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"stages are {', '.join(names)}"
            raise ValueError(f"--set {change}: no stage is called {stage!r}, {hint}")
        own.setdefault(stage, {})[name] = value
    return own


def _check_files(option: str, out: Path, files: Iterable[Path]) -> None:
    """ValueError for files that are missing, all of them named, or lie where results go."""
    files = list(files)
    if missing := [str(path) for path in files if not path.is_file()]:
        raise ValueError(f"{option}: there is no {', no '.join(missing)}")
    if inside := next((path for path in files if _is_in(path, out)), None):
        raise ValueError(f"{option}: {inside} lies in --out {out}; choose another --out")


def _is_in(path: Path, out: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(out))


def _content(path: Path, out: Path) -> str:
    """What lies at a path, in words that change with it."""
    if not _is_in(path, out):
        return f"{path.name} {fingerprint([path])}"
    stage = _stage_of(path, out)
    return f"{stage} {read_record(out, stage).get('id', '')}"


def _stage_of(path: Path, out: Path) -> str:
    return path.relative_to(out).parts[0]


def _command(words: Sequence[str]) -> Any:
    """The command of these words, as it reads its options."""
    from typer.main import get_command

    from facemogle.apps.cli import app

    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    return command
