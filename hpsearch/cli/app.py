"""The typer app: every command, in the order in which a user meets them."""

from typing import Annotated

import typer

from hpsearch import __version__
from hpsearch.cli.check import check
from hpsearch.cli.common import tell
from hpsearch.cli.confirm import confirm
from hpsearch.cli.dashboard import dashboard
from hpsearch.cli.data import data
from hpsearch.cli.delete import delete
from hpsearch.cli.doctor import doctor
from hpsearch.cli.enqueue import enqueue
from hpsearch.cli.evaluate import evaluate
from hpsearch.cli.export import export
from hpsearch.cli.fork import fork
from hpsearch.cli.init import init
from hpsearch.cli.report import report
from hpsearch.cli.reproduce import reproduce
from hpsearch.cli.run import run
from hpsearch.cli.show import best, logs, ls, show, trials
from hpsearch.cli.stop import stop
from hpsearch.cli.storage import storage
from hpsearch.cli.train import train
from hpsearch.cli.worker import worker

app = typer.Typer(
    name="hpsearch",
    help="Search hyperparameters of Keras networks: one study file, one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        tell(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


for command in (
    init, data, check, run, worker, stop, enqueue, fork, ls, show, trials, logs, best, confirm,
    evaluate, report, dashboard, export, train, reproduce, delete, doctor,
):  # fmt: skip
    app.command()(command)
app.add_typer(storage)
