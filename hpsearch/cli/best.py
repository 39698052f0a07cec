"""``hpsearch best``: the best trial of a study."""

from collections.abc import Mapping
from typing import Any

import typer

from hpsearch.cli.options import HomeOption, JsonOption, StudyArgument
from hpsearch.cli.output import cell, number, print_json, stdout
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.config import is_whole
from hpsearch.reference.reference import Reference, line
from hpsearch.search import trials as rows
from hpsearch.search.attributes import trained
from hpsearch.tasks import metric_of
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.interval import measured_words
from hpsearch.tasks.regression import REGRESSION


def best(
    context: typer.Context,
    study: StudyArgument,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the best trial of a study and its configuration."""
    if (client := service_of(context, server, "study", "as_json")) is not None:
        with client:
            there = client.study(study)
            _print(there.best(), there.details()["metric"], as_json=as_json)
        return
    with workspace(home, storage).study(study) as found:
        row, metric = rows.best_row(found), found.file.objective.metric
    _print(row, metric, as_json=as_json)


def _print(row: Mapping[str, Any], metric: str, *, as_json: bool) -> None:
    """Print the best trial."""
    if as_json:
        print_json(row)
    else:
        print_best(row, metric)


def print_best(row: Mapping[str, Any], metric: str) -> None:
    """The best trial for a reader."""
    out = stdout()
    out.print(f"{metric} {number(row['values'][0])} in trial {row['number']}", style="bold")
    if on := measured_words(metric_of(metric), row["values"][0], row["validation_examples"]):
        out.print(on)
    facts = [] if row["parameters"] is None else [f"{row['parameters']:,} parameters"]
    facts += [] if row["best_epoch"] is None else [f"best epoch {row['best_epoch']}"]
    if (told := trained(row)) is not None:
        facts.append(f"training {told[0]} {number(told[1])}")
    out.print(", ".join(facts))
    if folds := [fold["value"] for fold in row["folds"] or ()]:
        out.print(f"the mean of {len(folds)} folds: {', '.join(map(number, folds))}")
    _print_reference(row, metric)
    values = [repeat["value"] for repeat in row["repeats"]]
    if len(values) > 1:
        spread = f"{number(min(values))} to {number(max(values))}"
        mean = number(sum(values) / len(values))
        out.print(f"{len(values)} trials of this configuration: mean {mean} ({spread})")
    config = row["config"]
    if not is_whole(config):  # another program has changed it
        out.print("  its configuration is not known; another trial's: hpsearch trials STUDY")
        return
    config = _acting(config, metric)
    width = 2 + max(map(len, config))
    for key, value in config.items():
        out.print(f"  {key:<{width}}{_told(value)}")


def _acting(config: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """A configuration without settings that play no part in it: what is off, or of something else.

    Args:
        config: a whole one.
        metric: the study's, which tells a regression.
    """
    acting = dict(config)
    if acting.get("numeric_embedding") != "periodic":
        acting.pop("embedding_sigma", None)
    if metric in REGRESSION.metrics and metric not in CLASSIFICATION.metrics:
        acting.pop("label_smoothing", None)
    if not any(acting.get("augment", {}).values()):
        acting.pop("augment", None)
    return acting


def _print_reference(row: Mapping[str, Any], metric: str) -> None:
    """What models of scikit-learn reach on the same examples, where that is known."""
    found = [Reference.model_validate(one) for one in row["reference"] or ()]
    if told := line(found, metric_of(metric), row["values"][0]):
        stdout().print(f"for comparison: {told}")


def _told(value: Any) -> str:
    """A field of a configuration: a value, those of the layers, or a kind with its settings."""
    if isinstance(value, dict):
        told = {key: one for key, one in value.items() if key != "type" and one != ""}
        settings = (f"{key} {_told(one)}" for key, one in told.items())
        kind = str(value.get("type", ""))
        kind += ": " if kind and value.keys() > {"type"} else ""
        return f"{kind}{', '.join(settings)}"
    if value == []:
        return "none"
    return ", ".join(map(cell, value)) if isinstance(value, list) else cell(value)
