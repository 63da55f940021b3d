"""`facemogle studio`: the server and its page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from facemogle.apps.generate import Batch, Device, Model
from facemogle.apps.studio.hosts import is_local

if TYPE_CHECKING:
    from facemogle.pipeline import FaceMoGLEPipeline

MIN_TOKEN = 16
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def studio(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 7860,
    token: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What clients must send; needed if other machines may come in."),
    ] = None,
    model: Model = "mini",
    device: Device = None,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for finished pictures and their requests.")
    ] = Path("studio-results"),
    results_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="The oldest results are removed beyond that.")
    ] = "2GB",
    queue: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="Pictures that may wait.")] = 32,
    batch: Batch = 8,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Paint masks and make faces in the browser, over an HTTP API that other programs can use too."""
    limit = _parse_bytes(results_limit)
    local = is_local(host)
    if token is not None and (len(token) < MIN_TOKEN or not re.fullmatch(r"[\w.~+/=-]+", token, re.ASCII)):
        raise ValueError(f"--token must be of {MIN_TOKEN} or more letters and digits")
    if token is None and not local:
        import secrets

        raise ValueError(
            f"--host {host} lets other machines in, so it needs a token that they must send; "
            f"a good one is --token {secrets.token_urlsafe(24)}"
        )

    from facemogle.apps.model import fingerprint, quiet_libraries

    mark = fingerprint(model)
    quiet_libraries()  # importing what follows warns, too
    import uvicorn

    from facemogle.apps.studio.app import PREFIX, create_app
    from facemogle.apps.studio.store import ResultStore
    from facemogle.apps.studio.studio import Studio

    if sys.stderr.isatty():  # for who waits; programs wait for the address
        typer.echo("the studio loads its model ...", err=True)
    with _listening(host, port) as listener:
        store = ResultStore(results, limit=limit)
        try:
            made = Studio(
                store,
                _loaded(model, device),
                model=model,
                fingerprint=mark,
                device=device,
                capacity=queue,
                batch=batch or 8,
            )
            address = _address(host, listener.getsockname()[1])
            typer.echo(f"the studio is at {address}/, its API at {address}{PREFIX}/openapi.json")
            typer.echo(f"results are kept in {results.resolve()}")
            if not no_browser:
                import webbrowser

                webbrowser.open(page_address(address, token))  # the listener lets the browser wait

            class Server(uvicorn.Server):
                def handle_exit(self, sig: int, frame: Any) -> None:
                    made.queue.stop_following()  # streams of events would never end by themselves
                    super().handle_exit(sig, frame)

            config = uvicorn.Config(
                create_app(made, token=token, local=local),
                log_level="warning",
                access_log=False,
                proxy_headers=False,  # nothing here asks who the client is
                timeout_graceful_shutdown=5,
            )
            Server(config).run(sockets=[listener])
        finally:
            store.close()


def _loaded(model: str, device: str | None) -> FaceMoGLEPipeline:
    """The pipeline, made by one thread.

    Threads that OpenMP starts for this one would never end, and beside them the queue's sleep where they
    otherwise wait awake: on two cores faces would take a third longer.
    """
    import torch

    from facemogle.apps.model import load_pipeline

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return load_pipeline(model, device)
    finally:
        torch.set_num_threads(threads)


def page_address(address: str, token: str | None) -> str:
    """Where the page is; the token is behind the #, so that no log and no other page sees it."""
    return f"{address}/" if token is None else f"{address}/#token={quote(token, safe='')}"


def _listening(host: str, port: int) -> Any:
    """A socket that takes connections from now on. OSError if the address is taken or not this machine's."""
    import socket

    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise ValueError(f"cannot listen at {host}, port {port}: {error.strerror or error}") from None


def _address(host: str, port: int) -> str:
    import socket

    if host in ("0.0.0.0", "::", "[::]"):
        host = socket.gethostname()
    return f"http://[{host.strip('[]')}]:{port}" if ":" in host else f"http://{host}:{port}"


def _parse_bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*(MB|GB|TB)", text.strip().upper())
    size = 0 if match is None else int(float(match[1]) * _UNITS[match[2]])
    if not size:
        raise ValueError(f"--results-limit is {text!r}, must be a size as 500MB or 2GB")
    return size
