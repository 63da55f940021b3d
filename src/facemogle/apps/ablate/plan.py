"""What an ablation is: variants of one recipe, how they are measured, and what was published, in one file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from facemogle.core.config import changed, from_mapping, to_mapping
from facemogle.training.recipe import FluxRecipe, GeneratorRecipe, recipe_from

PUBLISHED = {"FID": -1, "KID": -1, "CMMD": -1, "Mask": -1, "Text": 1, "IR": 1}
"""Metrics of the paper's tables, and whether more (1) or less (-1) is better."""
_TABLES = ("recipe", "seeds", "start", "each", "variants", "evaluation", "published")


@dataclass(frozen=True)
class Evaluation:
    """How every variant is measured; options of `facemogle evaluate --model`.

    steps, faces: None for the model's own and for all of the split. metrics: empty for all that can run.
    weights: folder of the extractors' weights, "" for the usual one.
    """

    data: str
    task: Literal["both", "mask", "text"] = "both"
    split: str = "test"
    faces: int | None = None
    seed: int = 0
    steps: int | None = None
    batch: int = 8
    metrics: tuple[str, ...] = ()
    weights: str = ""

    def __post_init__(self) -> None:
        for name, value in (("faces", self.faces), ("steps", self.steps), ("batch", self.batch)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}, must be at least 1")


@dataclass(frozen=True)
class Plan:
    """An ablation, checked: every recipe is one that can be trained.

    start: settings of a run that is made first, and whose model every variant starts from; None without.
    variants: settings of every variant's recipe, complete but for seed and start. published: figures of
    others for the same variants, by variant and metric.
    """

    seeds: tuple[int, ...]
    start: dict[str, Any] | None
    variants: dict[str, dict[str, Any]]
    evaluation: Evaluation
    published: dict[str, dict[str, float]]

    def recipe(self, variant: str, seed: int, start: Path | None) -> GeneratorRecipe | FluxRecipe:
        """What trains one variant; start: the model that the run of `self.start` became."""
        added: dict[str, Any] = {"seed": seed}
        if start is not None:
            added["model"] = {"start": str(start)}
        return _recipe(_merged(self.variants[variant], added), f"variants.{variant}: ")

    def start_recipe(self) -> GeneratorRecipe | FluxRecipe | None:
        """What trains the model that every variant starts from."""
        return None if self.start is None else _recipe(self.start, "start: ")


def read_plan(path: Path, changes: Sequence[str] = ()) -> Plan:
    """The plan of a TOML file, with changes such as "each.schedule.steps=20".

    `recipe` names the common recipe, beside the file; tables change its settings: [start] for the run before
    all others, [each] for every variant, [variants.NAME] for one. ValueError names file and setting.
    """
    where = f"{path}: "
    values = changed(_toml(path), changes)
    for name in values:
        if name not in _TABLES:
            raise ValueError(f"{where}{name}: unknown, known are {', '.join(_TABLES)}")
    for name in ("recipe", "variants", "evaluation"):
        if not values.get(name):
            raise ValueError(f"{where}{name}: missing")
    common = _toml(path.parent / values["recipe"])
    variants = {}
    for name, own in values["variants"].items():
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ValueError(f"{where}variants.{name}: a name has small letters, digits and _ only")
        variants[name] = _merged(_merged(common, values.get("each", {})), own)
    start = values.get("start")
    plan = Plan(
        seeds=_seeds(values.get("seeds", [0]), where),
        start=None if start is None else _merged(common, start),
        variants=variants,
        evaluation=from_mapping(Evaluation, values["evaluation"], where=f"{where}evaluation"),
        published=_published(values.get("published", {}), variants, where),
    )
    try:
        plan.start_recipe()
        for name in variants:
            plan.recipe(name, plan.seeds[0], Path("start") if plan.start is not None else None)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None
    return plan


def differences(recipes: Mapping[str, GeneratorRecipe | FluxRecipe]) -> dict[str, dict[str, Any]]:
    """By recipe, the settings in which they are not all alike, by their paths."""
    flat = {name: dict(_flat(to_mapping(recipe))) for name, recipe in recipes.items()}
    paths = {path for settings in flat.values() for path in settings}
    unlike = [path for path in sorted(paths) if len({str(s.get(path)) for s in flat.values()}) > 1]
    return {name: {path: s[path] for path in unlike if path in s} for name, s in flat.items()}


def _recipe(settings: Mapping[str, Any], where: str) -> GeneratorRecipe | FluxRecipe:
    recipe = recipe_from(settings, where=where)
    if not isinstance(recipe, (GeneratorRecipe, FluxRecipe)):
        raise ValueError(f"{where}kind is {recipe.kind!r}, must be that of a generator")
    return recipe


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no TOML file, {error}") from None


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(values)
    for name, value in changes.items():
        before = result.get(name)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        result[name] = _merged(before, value) if both else value  # pyright: ignore[reportArgumentType]
    return result


def _flat(values: Mapping[str, Any], path: str = "") -> Any:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _seeds(values: Any, where: str) -> tuple[int, ...]:
    good = isinstance(values, list) and values and all(type(seed) is int for seed in values)
    if not good or len(set(values)) < len(values):
        raise ValueError(f"{where}seeds: is {values!r}, must be a list of different whole numbers")
    return tuple(values)


def _published(values: Any, variants: Mapping[str, Any], where: str) -> dict[str, dict[str, float]]:
    for name, figures in values.items():
        if name not in variants:
            raise ValueError(f"{where}published.{name}: no such variant, known are {', '.join(variants)}")
        for metric, value in figures.items():
            if metric not in PUBLISHED:
                raise ValueError(
                    f"{where}published.{name}.{metric}: unknown metric, known are {', '.join(PUBLISHED)}"
                )
            if type(value) not in (int, float):
                raise ValueError(f"{where}published.{name}.{metric}: is {value!r}, must be a number")
    return {name: {metric: float(v) for metric, v in figures.items()} for name, figures in values.items()}
