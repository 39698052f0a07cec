"""The typer app: every command, in the order in which a user meets them."""

from typing import Annotated

import typer

from hpsearch import __version__
from hpsearch.cli import check, delete, doctor, enqueue, export, init, run, show, train, worker

app = typer.Typer(
    name="hpsearch",
    help="Search hyperparameters of Keras networks: one study file, one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


app.command("init")(init.init)
app.command("check")(check.check)
app.command("run")(run.run)
app.command("worker")(worker.worker)
app.command("enqueue")(enqueue.enqueue)
app.command("ls")(show.ls)
app.command("show")(show.show)
app.command("trials")(show.trials)
app.command("logs")(show.logs)
app.command("best")(show.best)
app.command("export")(export.export)
app.command("train")(train.train)
app.command("delete")(delete.delete)
app.command("doctor")(doctor.doctor)
