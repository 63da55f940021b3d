"""`facemogle train`: the models from photographs. Runs resume where they stopped."""

import typer

from facemogle.apps.train.aligner import aligner
from facemogle.apps.train.attributes import attributes
from facemogle.apps.train.autoencoder import autoencoder
from facemogle.apps.train.generator import generator
from facemogle.apps.train.parser import parser

app = typer.Typer(help="Train the models on your own data.", no_args_is_help=True)
for command in (aligner, attributes, autoencoder, generator, parser):
    app.command()(command)
