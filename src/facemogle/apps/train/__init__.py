"""`facemogle train`: the models from photographs. Runs resume where they stopped."""

from typing import Any

import typer
from typer.core import TyperGroup

from facemogle.apps.train.aligner import aligner
from facemogle.apps.train.attributes import attributes
from facemogle.apps.train.cache import cache
from facemogle.apps.train.parser import parser
from facemogle.apps.train.plot import plot
from facemogle.apps.train.run import run


class _Recipes(TyperGroup):
    """`train RECIPE.toml` is short for `train run RECIPE.toml`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0].endswith(".toml"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Recipes,
    help="Train on your own data: `train RECIPE.toml --out RUN`, from what `train cache` made.",
    no_args_is_help=True,
)
for command in (run, cache, plot, parser, attributes, aligner):
    app.command()(command)
