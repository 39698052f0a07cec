"""``hpsearch ls``, ``show``, ``trials``, ``logs`` and ``best``: what there is."""

import csv
import io
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    HomeOption,
    JsonOption,
    StorageOption,
    StudyArgument,
    duration,
    opened_storage,
    opened_study,
    print_json,
    print_table,
    say,
    stdout,
    tell,
)
from hpsearch.home import Home
from hpsearch.tasks import METRICS
from hpsearch.text import plain

if TYPE_CHECKING:
    from hpsearch.config import TrialConfig
    from hpsearch.search.trials import Trial
    from hpsearch.study_file import StudyFile


def ls(home: HomeOption = None, storage: StorageOption = None, as_json: JsonOption = False) -> None:
    """List the studies."""
    from hpsearch.errors import InputError
    from hpsearch.search.study import load_study, names, no_studies
    from hpsearch.search.trials import summary

    place = Home.find(home)
    in_home = place.storage_url(storage) == place.own_storage
    if in_home and not place.database.exists():
        if as_json:
            print_json([])
            return
        raise InputError(
            f"{place.root}: no studies here yet; start one with hpsearch run FILE,"
            " or give another place with --home"
        )
    with opened_storage(place, storage, read_only=True) as opened:
        rows = []
        for name in names(opened):
            try:
                rows.append(summary(load_study(opened, name)))
            except InputError as error:  # one that cannot be read does not hide the others
                say(f"warning: {error}")
        if not rows:
            say(no_studies(opened))
    if as_json:
        print_json(rows)
        return
    states = ("complete", "pruned", "failed", "running")
    print_table(
        ("study", "metric", "best", "budget", *states),
        [
            [row["name"], row["metric"], _number(row["best"]), str(row["trials"])]
            + [str(row[state]) for state in states]
            for row in rows
        ],
        words=["metric"],
    )


def show(
    study: StudyArgument,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the study, as run does, until it has ended.")
    ] = False,
    provenance: Annotated[
        bool,
        typer.Option("--provenance", help="Study file, data, versions, seeds, machines, commands."),
    ] = False,
) -> None:
    """Show one study: budget, data, counts, best trial, workers."""
    from hpsearch.cli.confirmed import winner_of
    from hpsearch.cli.provenance import show_provenance
    from hpsearch.errors import InputError
    from hpsearch.outputs.test_access import accesses, plain
    from hpsearch.search import trials as rows

    if watch and as_json:
        raise InputError("--watch and --json: choose one; a live view has no JSON")
    if watch and provenance:
        raise InputError("--watch and --provenance: choose one; provenance does not change")
    if provenance:
        with opened_study(study, home, storage) as found:
            show_provenance(found, as_json=as_json)
        return
    if watch:
        _watch(study, home, storage)
    with opened_study(study, home, storage) as found:
        opened = plain(accesses(found, Home.find(home)))
        details = rows.details(found) | {"test_openings": opened, "confirmed": winner_of(found)}
        best_trial = rows.find_best(found)
        config = rows.config(found, best_trial) if best_trial else None
    if as_json:
        print_json(details)
        return
    _print_details(found.file, details, best_trial, config)


def _print_details(
    file: "StudyFile",
    details: dict[str, Any],
    best_trial: "Trial | None",
    config: "TrialConfig | None",
) -> None:
    """One study for a reader."""
    from hpsearch.config import describe
    from hpsearch.interval import measured_words
    from hpsearch.search.budget import ENDED

    out = stdout()
    out.print(f"{file.name}  {details['metric']}, {file.objective.measure.direction}", style="bold")
    out.print("\n".join(_facts(details)))
    if best_trial and config:
        where = f"{_number(details['best'])} in trial {best_trial.number}"
        out.print(f"best      {where}: {describe(config)}")
        examples = (details["dataset"] or {}).get("validation")
        if on := measured_words(file.objective.measure, details["best"], examples):
            out.print(f"          {on}")
    if details["over"]:
        out.print(f"ended     {ENDED[details['over']]}")
    if details["stop"]:
        out.print("stopped   by hpsearch stop; to resume: hpsearch run FILE")
    if details["workers"]:
        _print_workers(details["workers"], file.training.epochs)
    else:
        out.print("workers   none")


def _facts(details: dict[str, Any]) -> list[str]:
    """A study's budget, trials and data, one line each."""
    budget, fact = details["budget"], (details["dataset"] or {}).get
    limits = [f"{budget['trials']} trials"]
    limits += [duration(budget["timeout"])] if budget["timeout"] else []
    limits += [f"plateau {budget['plateau']}"] if budget["plateau"] else []
    states = ("complete", "pruned", "failed", "running", "waiting")
    listed = [f"{details[state]} {state}" for state in states]
    if lost := details["uncounted"]:
        listed.append(f"{lost} not counted (interrupted or redrawn)")
    data = (
        f"{fact('source')}, {fact('train')} training and {fact('validation')} validation examples"
        f" ({fact('test')} set aside), {len(fact('class_names', []))} classes,"
        f" fingerprint {str(fact('fingerprint'))[:12]}"
    )
    return [
        f"budget    {details['counted']} counted of {', '.join(limits)}",
        f"trials    {', '.join(listed)}",
        f"data      {data}",
        f"test      {_opened(details['test_openings'])}",
        *([f"confirmed {_confirmed(winner)}"] if (winner := details["confirmed"]) else []),
    ]


def _confirmed(winner: dict[str, Any]) -> str:
    """The confirmed winner, and how it was chosen."""
    from hpsearch.search.confirmation import told

    first, smallest = told(winner["first"]), told(winner["smallest"])
    how = "the first by its mean"
    if winner["chosen"] == "smallest":
        how = f"the smallest that the seeds cannot tell from {first}"
    elif smallest != first:
        how += f"; the smallest that the seeds cannot tell from it: {smallest}"
    value = f"{_number(winner['mean'])} over {winner['seeds']} seeds"
    return f"{told(winner['of'])}, {value} ({how})"


def _opened(accesses: list[dict[str, Any]]) -> str:
    """How often the test split was opened, and by what at last."""
    if not accesses:
        return "split never accessed"
    last = accesses[-1]
    times = "once," if len(accesses) == 1 else f"{len(accesses)} times, last"
    return f"split accessed {times} on {last['date'][:10]} by {last['opened_by']}"


def _print_workers(workers: list[dict[str, Any]], epochs: int) -> None:
    """The table of the workers that run a trial."""
    tell()
    print_table(
        ("worker", "device", "trial", "epoch", "heartbeat"),
        [
            [
                worker["worker"] or "another program",
                worker["device"] or "",
                str(worker["trial"]),
                f"{worker['epoch'] or 0}/{epochs}",
                "" if worker["silent"] is None else f"{worker['silent']:.0f} s ago",
            ]
            for worker in workers
        ],
        words=["worker", "device"],
    )


def _watch(name: str, home: HomeOption, url: StorageOption) -> None:
    """Follow a study until it is over; nothing is written."""
    from hpsearch.cli.live import LiveView
    from hpsearch.cli.watch import PATIENCE, patiently, say_reading, watch_until_over
    from hpsearch.search.study import load_study

    with opened_study(name, home, url) as found:  # which waits longer where it is locked
        say_reading(found)
    with opened_storage(Home.find(home), url, read_only=True, patience=PATIENCE) as storage:
        view = patiently(lambda: LiveView(load_study(storage, name), watching=True))
        with view.shown():
            watch_until_over(view.study, view.update)


def trials(
    study: StudyArgument,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List the trials of a study."""
    from hpsearch.config import describe
    from hpsearch.search import trials as rows

    with opened_study(study, home, storage) as found:
        all_trials = found.trials()
        listed = [rows.row(found, trial) for trial in all_trials]
        configs = [rows.config(found, trial) for trial in all_trials]
    if as_json:
        print_json(listed)
    elif as_csv:
        _print_csv(listed)
    else:
        print_table(
            ("trial", "state", "value", "epochs", "seconds", "parameters", "configuration"),
            [
                [
                    str(row["number"]),
                    row["failure"] or row["state"],
                    _number(row["values"][0] if row["values"] else None),
                    _text(row["epochs"]),
                    "" if row["seconds"] is None else f"{row['seconds']:.1f}",
                    "" if row["parameters"] is None else f"{row['parameters']:,}",
                    describe(config) if config else _pairs(row["config"]),
                ]
                for row, config in zip(listed, configs, strict=True)
            ],
            words=["state", "configuration"],
        )


def _print_csv(listed: list[dict[str, Any]]) -> None:
    """One line a trial; the configuration's fields become columns config.<field>."""
    flat = []
    for row in listed:
        line = {key: value for key, value in row.items() if key not in ("values", "config")}
        line["value"] = row["values"][0] if row["values"] else None
        for key, value in row["config"].items():
            if isinstance(value, dict):
                line |= {f"config.{key}.{name}": item for name, item in value.items()}
            elif isinstance(value, list):
                line[f"config.{key}"] = "-".join(str(item) for item in value)
            else:
                line[f"config.{key}"] = value
        flat.append(line)
    columns = list(dict.fromkeys(key for line in flat for key in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    tell(text.getvalue().removesuffix("\n"))


def logs(
    study: StudyArgument,
    worker: Annotated[
        int | None, typer.Option("--worker", metavar="N", help="Only this worker's log.")
    ] = None,
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=1, help="Last lines of each log.")
    ] = 40,
    home: HomeOption = None,
) -> None:
    """Print the last lines of the logs of a study's workers on this machine."""
    from hpsearch.errors import InputError

    place = Home.find(home)
    folder = place.study_logs(study)
    files = sorted(folder.glob("worker-*.log")) if worker is None else []
    if worker is not None and place.worker_log(study, worker).exists():
        files = [place.worker_log(study, worker)]
    if not files:
        raise InputError(
            f"{folder}: has no such log; find the study with hpsearch ls, or give another --home"
        )
    for file in files:
        tell(f"==> {file} <==")
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]:
            tell(plain(line))


def best(
    study: StudyArgument,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the best trial of a study and its configuration."""
    from hpsearch.search import trials as rows

    with opened_study(study, home, storage) as found:
        row = rows.best_row(found)
        metric = found.file.objective.metric
    if as_json:
        print_json(row)
        return
    print_best(row, metric)


def print_best(row: dict[str, Any], metric: str) -> None:
    """The best trial for a reader."""
    from hpsearch.config import is_whole
    from hpsearch.interval import measured_words

    out = stdout()
    out.print(f"{metric} {_number(row['values'][0])} in trial {row['number']}", style="bold")
    if on := measured_words(METRICS[metric], row["values"][0], row["validation_examples"]):
        out.print(on)
    facts = [] if row["parameters"] is None else [f"{row['parameters']:,} parameters"]
    facts += [] if row["best_epoch"] is None else [f"best epoch {row['best_epoch']}"]
    if row["train_accuracy"] is not None:
        facts.append(f"training accuracy {_number(row['train_accuracy'])}")
    out.print(", ".join(facts))
    values = [repeat["value"] for repeat in row["repeats"]]
    if len(values) > 1:
        spread = f"{_number(min(values))} to {_number(max(values))}"
        mean = _number(sum(values) / len(values))
        out.print(f"{len(values)} trials of this configuration: mean {mean} ({spread})")
    config = dict(row["config"])
    if not is_whole(config):  # another program has changed it
        out.print("  its configuration is not known; another trial's: hpsearch trials STUDY")
        return
    optimizer = config.pop("optimizer")
    width = 2 + max(map(len, config))
    for key, value in config.items():
        text = ", ".join(_text(item) for item in value) if isinstance(value, list) else _text(value)
        out.print(f"  {key:<{width}}{text}")
    settings = ", ".join(f"{k} {_text(v)}" for k, v in optimizer.items() if k != "type")
    out.print(f"  {'optimizer':<{width}}{optimizer['type']}: {settings}")


def _pairs(params: dict[str, Any]) -> str:
    """What is fixed of a configuration that is not drawn yet."""
    return ", ".join(f"{key} {_text(value)}" for key, value in params.items())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
