"""`facemogle train`: the models from photographs. Runs resume where they stopped."""

import typer

from facemogle.apps.train.autoencoder import autoencoder
from facemogle.apps.train.generator import generator

app = typer.Typer(help="Train the models on your own data.", no_args_is_help=True)
for command in (autoencoder, generator):
    app.command()(command)
