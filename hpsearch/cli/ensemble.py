"""``hpsearch ensemble``: chooses which of a study's trained networks to average."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from hpsearch.cli.options import DataPathOption, ForceOption, HomeOption, JsonOption, StudyArgument
from hpsearch.cli.output import Screen, print_json, print_table, say, stdout
from hpsearch.cli.server import ServerOption, service_of, spelled
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.client import ServedStudy
from hpsearch.search.ensemble import name_of
from hpsearch.search.shapes import Ensemble, EnsembleCost
from hpsearch.services import ensemble as service
from hpsearch.services.ensemble import MOST, Ensembled
from hpsearch.tasks import metric_of
from hpsearch.tasks.metric import Metric


def ensemble(
    context: typer.Context,
    study: StudyArgument,
    members: Annotated[
        int,
        typer.Option("--members", min=2, metavar="K", help="Average at most K networks."),
    ] = MOST,
    overrides: DataPathOption = None,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Choose trained networks to average, by validation: what it adds and what it costs."""
    if (client := service_of(context, server, "study", "members", "as_json")) is not None:
        with client:
            there = client.study(study)
            say("The service asks its networks about the validation examples, which takes a while.")
            row = there.ensemble(members=members)
            if as_json:
                print_json(row)
            else:
                again = f"hpsearch export {study} --ensemble -o FILE{spelled(context, client)}"
                print_ensemble(_read(there, row), f"hpsearch export takes it: {again}")
        return
    found = service.ensemble(
        study,
        workspace(home, storage, force=force),
        Screen(),
        most=members,
        overrides=overrides or (),
    )
    if as_json:
        print_json(found.plain())
    else:
        again = f"hpsearch evaluate {study} --ensemble"
        takers = f"hpsearch evaluate, predict and export take it with --ensemble: {again}"
        print_ensemble(found, takers)


def _read(study: ServedStudy, row: Mapping[str, Any]) -> Ensembled:
    """An ensemble that a service has chosen."""
    objective = study.details()["study_file"]["objective"]
    metric = metric_of(row["metric"], objective["direction"])
    return Ensembled(study=study.name, metric=metric, ensemble=Ensemble.model_validate(row))


def print_ensemble(found: Ensembled, takers: str) -> None:
    """An ensemble for a reader, with the commands that take it in the end."""
    out, chosen, metric = stdout(), found.ensemble, found.metric
    out.print(
        f"Ensemble of {len(chosen.members)} of {chosen.candidates} trained networks", style="bold"
    )
    print_table(
        ("member", "seed", "weight", metric.name),
        [
            [name_of(one), str(one.seed), f"{one.weight:.3f}", metric.written(one.value)]
            for one in chosen.members
        ],
        words=["member"],
    )
    out.print(
        f"{metric.name} {metric.written(chosen.value)} on the {chosen.examples:,} validation"
        f" examples that it was chosen by; {name_of(chosen.single)}, the best alone,"
        f" {metric.written(chosen.single_value)}"
    )
    if metric.written(chosen.single_value) != metric.written(chosen.single.value):
        out.print("The table has what trials were judged by: of folds their mean.")
    out.print(told_gain(chosen, metric))
    for line in _costs(chosen):
        out.print(line)
    out.print(takers)


def told_gain(chosen: Ensemble, metric: Metric) -> str:
    """What an ensemble adds, and whether that can be told from noise."""
    ends = metric.ends(chosen.gain_low, chosen.gain_high)
    told = (
        f"Gain over the best alone: {metric.signed(chosen.gain)} (95 % interval {ends}, paired"
        " bootstrap)."
    )
    if chosen.gain_low > 0:
        return told
    return f"{told} That is within noise: {name_of(chosen.single)} alone may do as well."


def _costs(chosen: Ensemble) -> list[str]:
    """What an ensemble costs beside one network."""
    own, single = chosen.cost, chosen.single_cost
    ratio = own.parameters / max(1, single.parameters)
    where = f"Latency where it was chosen ({chosen.device})"
    return [
        f"Parameters: {own.parameters:,} against {single.parameters:,} ({ratio:.1f} x)",
        f"{where}: {_milliseconds(own)}; of the best alone {_milliseconds(single)}",
    ]


def _milliseconds(cost: EnsembleCost) -> str:
    """How long one example and a batch take."""
    one, batch = (f"{1000 * seconds:.2f} ms" for seconds in (cost.one, cost.batch))
    return f"{one} for one example, {batch} for {cost.examples}"
