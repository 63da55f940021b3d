"""The `facemogle` command. Libraries that take long to load are imported inside the commands."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from facemogle import __version__
from facemogle.apps.ablate.run import ablate
from facemogle.apps.data import app as data_app
from facemogle.apps.demo import demo
from facemogle.apps.edit import edit
from facemogle.apps.evaluate import evaluate
from facemogle.apps.export import export
from facemogle.apps.generate import ManyValues, generate
from facemogle.apps.inspect_gates import gates
from facemogle.apps.masks import app as mask_app
from facemogle.apps.parse import parse
from facemogle.apps.prompts import prompts
from facemogle.apps.reproduce import mini
from facemogle.apps.studio.command import studio
from facemogle.apps.train import app as train_app

WRONG_INPUT, INTERRUPTED = 2, 130


class Commands(TyperGroup):
    """Commands whose users hear of wrong input in one line on stderr, exit code 2; defects show a trace."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command line and exit; without `standalone_mode`, as typer does."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        try:
            code = super().main(*args, standalone_mode=False, **extra)
        except (KeyboardInterrupt, typer.Abort):
            code = INTERRUPTED
        except Exception as error:
            message = _message(error)
            if message is None:
                raise
            print(message, file=sys.stderr)
            code = WRONG_INPUT
        sys.exit(code if isinstance(code, int) else 0)


def _message(error: Exception) -> str | None:
    """What to tell the user; None for a defect of ours."""
    hint = ""
    if callable(
        describe := getattr(error, "format_message", None)
    ):  # typer's own: wrong options and arguments
        text = str(describe())
        if text.startswith("Usage:"):  # a group without a command gets its help
            return text
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context is not None else ""
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, (ValueError, OSError)):
        text = str(error)
    else:
        return None
    return f"error: {' '.join(text.split())}{hint}"


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
inspect_app = typer.Typer(help="Look inside the model.", no_args_is_help=True, rich_markup_mode=None)
app.command(cls=ManyValues)(generate)
app.command(cls=ManyValues)(edit)
app.command()(demo)
app.command()(parse)
app.command()(export)
app.command()(studio)
app.command()(evaluate)
app.command()(ablate)
reproduce_app = typer.Typer(help="Make what ships anew.", no_args_is_help=True, rich_markup_mode=None)
reproduce_app.command()(mini)
app.add_typer(reproduce_app, name="reproduce")
app.add_typer(mask_app, name="mask")
inspect_app.command()(gates)
inspect_app.command()(prompts)
app.add_typer(inspect_app, name="inspect")
app.add_typer(data_app, name="data")
app.add_typer(train_app, name="train")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facemogle {__version__}")
        raise typer.Exit


@app.callback()
def _facemogle(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Faces from a caption, a semantic mask, or both."""


def main() -> None:
    """Run the command line of this process."""
    logging.getLogger("facemogle").setLevel(logging.ERROR)  # of unknown words the commands tell themselves
    app(prog_name="facemogle")
