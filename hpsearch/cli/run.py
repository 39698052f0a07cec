"""``hpsearch run``: starts, resumes or joins a study and shows it until it is over."""

from contextlib import nullcontext
from typing import Annotated

import typer

from hpsearch.cli.conclusion import print_conclusion, say_next
from hpsearch.cli.confirm import confirm_here, confirm_there
from hpsearch.cli.engine import AddressOption, EngineOption
from hpsearch.cli.live import LiveScreen
from hpsearch.cli.named import FileOrData, NetworkOption, is_data, study_file_of
from hpsearch.cli.options import (
    ForceOption,
    GpusOption,
    HomeOption,
    SetOption,
    TargetOption,
    WorkersOption,
)
from hpsearch.cli.run_there import submit, submitted, watch
from hpsearch.cli.server import ServerOption, service_of, spelled
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.errors import InputError
from hpsearch.services.jobs import Means
from hpsearch.services.plans import Engine
from hpsearch.services.search import Settings, search
from hpsearch.study_file import apply_override


def run(
    context: typer.Context,
    file: FileOrData,
    target: TargetOption = None,
    network: NetworkOption = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            metavar="N",
            help="Total number of trials of the study (default: budget.trials).",
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="T",
            help='Time limit of the study, such as "2h" or "90s" (default: budget.timeout).',
        ),
    ] = None,
    workers: WorkersOption = None,
    gpus: GpusOption = "all",
    workers_per_gpu: Annotated[
        str | None,
        typer.Option(
            "--workers-per-gpu",
            metavar="N|auto",
            help="Workers per GPU (default: workers.per_gpu).",
        ),
    ] = None,
    engine: EngineOption = Engine.LOCAL,
    address: AddressOption = None,
    dashboard: Annotated[
        bool,
        typer.Option("--dashboard", help="Also show the studies in the browser while it runs."),
    ] = False,
    confirm: Annotated[
        bool,
        typer.Option(
            "--confirm",
            help="Then retrain the best with new seeds, as hpsearch confirm does; the time limit"
            " is for the search alone.",
        ),
    ] = False,
    no_reference: Annotated[
        bool,
        typer.Option(
            "--no-reference",
            help="Train no models of scikit-learn beside it for comparison (else once a study).",
        ),
    ] = False,
    overrides: SetOption = None,
    server: ServerOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Of a service: submit the study, and do not watch it.")
    ] = False,
    upload: Annotated[
        bool,
        typer.Option("--upload", help="Of a service: send the data of dataset.path along."),
    ] = False,
    priority: Annotated[
        int | None,
        typer.Option(
            "--priority",
            metavar="N",
            min=-100,
            max=100,
            help="Of a service: the higher, the earlier (default: 0).",
        ),
    ] = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:
    """Run a search: start it, resume it, or join it where it is running."""
    if confirm and detach:
        raise InputError(
            "--confirm waits for the search's end; leave out --detach, or confirm later"
        )
    settings = Settings(
        overrides=overrides or (),
        trials=trials,
        timeout=timeout,
        workers=workers,
        workers_per_gpu=workers_per_gpu,
        gpus=gpus,
        engine=engine,
        address=address,
        dashboard=dashboard,
        reference=not no_reference,
    )
    client = service_of(
        context, server, "file", "target", "network", "trials", "timeout", "workers", "overrides",
        "confirm", "detach", "upload", "priority",
    )  # fmt: skip
    is_named = target is not None or network is not None or is_data(file)
    given = study_file_of(file, target, network, overrides or ()) if is_named else nullcontext(file)
    if client is not None:
        with client:
            with given as written:
                asked = submitted(written, settings.given, priority)
                there = submit(client, asked, upload=upload)
            if detach:
                return
            hint = spelled(context, client)
            found = watch(there, hint)
            goes_on = confirm and not found.exit_code
            print_conclusion(found, hint, goes_on=goes_on)
            if goes_on:
                confirm_there(there, hint, {})
                say_next(found.study, found.metric, hint, is_confirmed=True)
            raise typer.Exit(found.exit_code)
    place = workspace(home, storage, force=force)
    with given as written:
        found = search(written, settings, place, LiveScreen())
    goes_on = confirm and not found.exit_code
    print_conclusion(found, goes_on=goes_on)
    if goes_on:
        moved = [one for one in overrides or () if apply_override({}, one) == "dataset.path"]
        confirm_here(found.study, place, Means(workers=workers, gpus=gpus, overrides=moved), {})
        say_next(found.study, found.metric, None, is_confirmed=True)
    raise typer.Exit(found.exit_code)
