"""The options of commands whose workers Ray may place."""

from typing import Annotated

import typer

from hpsearch.services.plans import Engine

EngineOption = Annotated[
    Engine, typer.Option("--engine", help="Who places the workers: this command, or Ray.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address", help="Ray's cluster (default: RAY_ADDRESS, else one on this machine)."
    ),
]
