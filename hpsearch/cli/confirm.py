"""``hpsearch confirm``: trains a study's leaders and its baseline again with new seeds."""

from typing import Annotated, Any, TypedDict

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
from hpsearch.cli.output import print_json
from hpsearch.cli.run_there import watch
from hpsearch.cli.server import ServerOption, service_of, spelled
from hpsearch.cli.verdict import Told, print_verdict, read, told_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.client import ServedStudy
from hpsearch.search.leaders import BASELINE
from hpsearch.services import confirm as service
from hpsearch.services.confirm import SEEDS, TOP
from hpsearch.services.jobs import Means
from hpsearch.services.workspace import Workspace
from hpsearch.tasks import metric_of


def confirm(
    context: typer.Context,
    study: StudyArgument,
    top: Annotated[
        int | None,
        typer.Option(
            "--top", min=1, metavar="K", help=f"Confirm the best K configurations (default: {TOP})."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=2, metavar="N", help=f"Use N new seeds for each (default: {SEEDS})."
        ),
    ] = None,
    new_split: Annotated[
        bool, typer.Option("--new-split", help="Also draw a new validation split for each seed.")
    ] = False,
    smallest: Annotated[
        bool | None,
        typer.Option(
            "--smallest/--first",
            help="Choose the smallest network that the seeds cannot tell from the first, or the"
            " first by its mean (default: --first). Given alone, the option chooses among the"
            " configurations of the last confirm.",
        ),
    ] = None,
    workers: WorkersOption = None,
    gpus: GpusOption = "all",
    overrides: DataPathOption = None,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Retrain the leaders and the baseline with new seeds: means, intervals, the winner."""
    client = service_of(
        context, server, "study", "top", "seeds", "new_split", "smallest", "as_json"
    )
    asked = Asked(top=top, seeds=seeds, new_split=new_split, smallest=smallest)
    if client is not None:
        with client:
            confirm_there(client.study(study), spelled(context, client), asked, as_json=as_json)
        return
    means = Means(workers=workers, gpus=gpus, overrides=overrides or ())
    confirm_here(study, workspace(home, storage, force=force), means, asked, as_json=as_json)


class Asked(TypedDict, total=False):
    """What is confirmed, and how."""

    top: int | None
    seeds: int | None
    new_split: bool
    smallest: bool | None


def confirm_here(
    study: str, place: Workspace, means: Means, asked: Asked, *, as_json: bool = False
) -> None:
    """Confirm a study on this machine, and print what came of it.

    Args:
        study: its name, or its file.
        place: home and storage.
        means: what the runs are trained with.
        asked: which runs.
        as_json: print JSON.
    """
    found = service.confirm(study, place, LiveScreen(), means=means, **asked)
    if as_json:
        print_json(found.plain())
    else:
        print_verdict(told_of(found))


def confirm_there(study: ServedStudy, hint: str, asked: Asked, *, as_json: bool = False) -> None:
    """Confirm a study of a service, and print what came of it.

    Args:
        study: the study.
        hint: what stands behind commands that ask the same service.
        asked: which runs.
        as_json: print JSON.

    Raises:
        typer.Exit: it was stopped before.
    """
    ended = watch(study.confirm(**asked), hint)
    if ended.stopped:
        print_conclusion(ended, hint)
        raise typer.Exit(ended.exit_code)
    told = study.confirmation()
    if as_json:
        print_json(told)
    else:
        print_verdict(_read(study, told))


def _read(study: ServedStudy, plain: dict[str, Any]) -> Told:
    """What a reader is told of the confirmation of a study of a service."""
    file = study.details()["study_file"]
    configs = {str(row["number"]): row["config"] for row in study.trials()}
    if file["baseline"] is not None:
        configs[BASELINE] = file["baseline"]
    objective = file["objective"]
    return read(plain, configs, metric_of(objective["metric"], objective["direction"]))
