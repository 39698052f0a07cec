"""``hpsearch refit``: trains the winner once more, on training and validation examples."""

from typing import Annotated, Any

import typer

from hpsearch.cli.conclusion import print_conclusion
from hpsearch.cli.live import LiveScreen
from hpsearch.cli.options import (
    DataPathOption,
    ForceOption,
    GpusOption,
    HomeOption,
    JsonOption,
    StudyArgument,
    WorkersOption,
)
from hpsearch.cli.output import print_json, print_table, say, stdout
from hpsearch.cli.run_there import watch
from hpsearch.cli.server import ServerOption, service_of, spelled
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.search.leaders import told
from hpsearch.services import refit as service
from hpsearch.services.jobs import Means


def refit(
    context: typer.Context,
    study: StudyArgument,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble", help="Retrain the networks of hpsearch ensemble instead of the winner."
        ),
    ] = False,
    workers: WorkersOption = None,
    gpus: GpusOption = "all",
    overrides: DataPathOption = None,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Retrain the winner on training and validation examples together, to be used."""
    client = service_of(context, server, "study", "ensemble", "as_json")
    if client is not None:
        with client:
            hint = spelled(context, client)
            there = client.study(study)
            ended = watch(there.refit(ensemble=ensemble), hint)
            if ended.stopped:
                print_conclusion(ended, hint)
                raise typer.Exit(ended.exit_code)
            _print(there.refitted(ensemble=ensemble), as_json=as_json, hint=hint)
        return
    found = service.refit(
        study,
        workspace(home, storage, force=force),
        LiveScreen(),
        ensemble=ensemble,
        means=Means(workers=workers, gpus=gpus, overrides=overrides or ()),
    )
    _print(found.plain(), as_json=as_json)


def _print(found: dict[str, Any], *, as_json: bool, hint: str | None = None) -> None:
    """What was trained, and the commands that take it.

    Args:
        found: as JSON.
        as_json: print that.
        hint: of a service: what commands have behind them that ask it; None: it is here.
    """
    if as_json:
        print_json(found)
        return
    networks, study = found["networks"], found["study"]
    stdout().print("Trained on training and validation examples", style="bold")
    is_ensemble = found["ensemble"]
    print_table(
        ("network", "seed", "epochs", *(["weight"] if is_ensemble else [])),
        [
            [
                told(one["of"]),
                str(one["seed"]),
                str(one["epochs"]),
                *([f"{one['weight']:.3f}"] if is_ensemble else []),
            ]
            for one in networks
        ],
        words=["network"],
    )
    option = " --ensemble" if is_ensemble else ""
    say("Next:")
    say(f"  hpsearch export {study} --refit{option} -o FILE{hint or ''}")
    if hint is None:
        say(f"  hpsearch predict {study} DATA --refit{option}")
        say(f"  hpsearch evaluate {study} --refit{option}")
