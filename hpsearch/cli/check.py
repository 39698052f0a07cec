"""``hpsearch check``: validates a study file and tries its smallest, middle and largest model."""

import math
from collections.abc import Mapping
from typing import Any

from hpsearch.cli.options import FileArgument, HomeOption, JsonOption, SetOption
from hpsearch.cli.output import Screen, print_json, print_table, stdout
from hpsearch.config import TrialConfig, describe
from hpsearch.home import Home
from hpsearch.services import check as service
from hpsearch.services.estimate import Estimate
from hpsearch.text import duration, plural, size


def check(
    file: FileArgument,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a study file and train its smallest, middle and largest model for a moment."""
    found = service.check(file, Home.find(home), Screen(), overrides=overrides or ())
    if as_json:
        print_json(found.plain())
        return
    print_table(
        ("model", "parameters", "MACs", "memory", "epoch", "configuration"),
        [_cells(*both) for both in zip(found.models, found.configs, strict=True)],
        words=["configuration"],
    )
    stdout().print(
        "memory: weights and optimizer state, without the data and the activations of a batch"
    )
    if found.time is not None:
        stdout().print(in_words(found.time))


def _cells(row: Mapping[str, Any], config: TrialConfig) -> list[str]:
    sizes = [row["failure"], ""]
    if row["failure"] is None:
        seconds = row["seconds_per_epoch"]
        sizes = [size(row["bytes"])]
        sizes.append(duration(seconds) if seconds >= 0.1 else f"{1000 * seconds:.1f} ms")
    return [row["model"], f"{row['parameters']:,}", f"{row['macs']:,}", *sizes, describe(config)]


def in_words(found: Estimate) -> str:
    """The estimate for a reader, in one sentence or two."""
    trials = f"{plural(found.trials, 'trial')} of at most {plural(found.epochs, 'epoch')}"
    workers = plural(found.workers, "worker")
    span = f"{_short(found.least)} to {_short(found.most)}"
    each = f" ({span}, from the smallest to the largest model)" if found.least < found.most else ""
    shorter = "pruning and early stopping shorten it"
    if found.timeout is not None and found.seconds >= found.timeout:
        return (
            f"time: {_short(found.timeout)}, the timeout; {trials} with {workers} would take"
            f" longer{each}, though {shorter}"
        )
    limit = "" if found.timeout is None else f"; at most {_short(found.timeout)}, the timeout"
    return (
        f"time: about {_short(found.seconds)} for {trials} with {workers}{each}; {shorter}{limit}"
    )


def _short(seconds: float) -> str:
    """A time span in whole seconds."""
    return duration(math.ceil(seconds)) if seconds >= 60 else f"{math.ceil(seconds)} s"
