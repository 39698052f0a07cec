"""What time_to_target.py measured: targets, the times to them, the table and the figures."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, median_low

from followed import Sight

NAMES = {"hpsearch": "hpsearch run", "script": "Optuna script", "ray": "Ray Tune, ASHA"}
"""Of the ways, by their names in the results."""
TARGET, FIRST = "target", "first result"
"""Ways of rows that are no search's."""
MOMENTS = (0.1, 0.3, 1.0)
"""Of the longest time: what the script has reached then is a target."""
WANTED = 5
"""Times as fast as the better peer, in the median."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The results of a data set."""

    ways: Mapping[str, Mapping[int, list[Sight]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    """Of each way and seed."""
    targets: list[Sight] = field(default_factory=list)
    """The script's median after some seconds; the last one ends a search, and its seconds are the
    longest."""
    firsts: dict[int, float] = field(default_factory=dict)
    """Seconds to the first result on the screen, by run."""


def read(rows: Iterable[Mapping[str, str]]) -> dict[str, Measured]:
    """The results by data set, from the rows of the table."""
    found: dict[str, Measured] = defaultdict(Measured)
    for row in rows:
        of_set = found[row["set"]]
        sight = (float(row["seconds"]), float(row["accuracy"]))
        if row["way"] == TARGET:
            of_set.targets.append(sight)
        elif row["way"] == FIRST:
            of_set.firsts[int(row["seed"])] = sight[0]
        else:
            of_set.ways[row["way"]][int(row["seed"])].append(sight)
    return found


def best_by(sights: Sequence[Sight], seconds: float) -> float:
    """The best accuracy of a run by some time; 0 where it had found nothing."""
    return max((value for at, value in sights if at <= seconds), default=0.0)


def targets_of(runs: Iterable[Sequence[Sight]], longest: float) -> list[Sight]:
    """What runs have reached after a tenth, three tenths and all of the longest time.

    Args:
        runs: of the script, each as long as the longest time.
        longest: in seconds.

    Returns:
        The seconds, and the median accuracy (the lower one of two), which half of the runs reach.
    """
    known = list(runs)
    moments = [longest * moment for moment in MOMENTS]
    return [(at, median_low(best_by(sights, at) for sights in known)) for at in moments]


def time_to(sights: Sequence[Sight], target: float, longest: float) -> float:
    """Seconds until a run reached the target; infinite where it did not in time."""
    reached = next((at for at, value in sights if value >= target), float("inf"))
    return reached if reached <= longest else float("inf")


def shown(seconds: Sequence[float], longest: float) -> str:
    """Median, least and most of some times."""
    values = (median(seconds), min(seconds), max(seconds))
    middle, low, high = (f"{s:.0f}" if s < float("inf") else f"> {longest:.0f}" for s in values)
    return f"{middle} ({low} to {high})"


_ABOUT = f"""
Seconds from the command to the first epoch that reaches a validation accuracy, median of the seeds
(least to most). A target is what the Optuna script reaches, in the median of its seeds, within the
time in brackets. Ratio: the better peer's median to that of hpsearch, wanted: {WANTED}; with > it
is at least so much.
"""


def report(found: Mapping[str, Measured], where: Mapping[str, str]) -> str:
    """The results to be read.

    Args:
        found: by data set; of its searches the seeds that all ways have are told.
        where: the machine, as ``record.machine`` tells it.
    """
    lines = ["# Time to a target", "", "Made by `scripts/bench/search/time_to_target.py`.", ""]
    lines += [f"- {key}: {value}" for key, value in where.items()]
    lines += [line for name, measured in found.items() for line in _first(name, measured)]
    rows = [line for name, measured in found.items() for line in _rows(name, measured)]
    if rows:
        heads = ["set", "seeds", "target", *NAMES.values(), "better peer / hpsearch"]
        lines += [_ABOUT, "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *rows]
    return "\n".join(lines) + "\n"


def _first(name: str, measured: Measured) -> list[str]:
    """How soon a data set's first result is there."""
    if not measured.firsts:
        return []
    seconds = [*measured.firsts.values()]
    return [
        "",
        f"{name}: the first trial's result is on the screen {median(seconds):.1f} s after the",
        f"command ({min(seconds):.1f} to {max(seconds):.1f}; {len(seconds)} runs in new homes,",
        "the data's import included).",
    ]


def shared(measured: Measured) -> list[int]:
    """The seeds that all ways have, once there are targets."""
    if not measured.targets:
        return []
    return sorted(set.intersection(*(set(measured.ways[way]) for way in NAMES)))


def _rows(name: str, measured: Measured) -> list[str]:
    """The table's lines of a data set."""
    seeds = shared(measured)
    if not seeds:
        return []
    longest = measured.targets[-1][0]
    lines = []
    for at, target in measured.targets:
        times = {
            way: [time_to(measured.ways[way][seed], target, longest) for seed in seeds]
            for way in NAMES
        }
        cells = [name, f"{len(seeds)}", f"{100 * target:.2f} % ({at:.0f} s)"]
        cells += [*(shown(times[way], longest) for way in NAMES), ratio(times, longest)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def ratio(times: Mapping[str, Sequence[float]], longest: float) -> str:
    """The better peer's median time to that of hpsearch; at least so much where it has a >."""
    own = median(times["hpsearch"])
    peer = min(median(times["script"]), median(times["ray"]))
    if own == float("inf"):
        return "-"
    return f"{peer / own:.1f}" if peer < float("inf") else f"> {longest / own:.1f}"


def curves(measured: Measured) -> dict[str, tuple[list[float], list[float]]]:
    """Of each way the median of the best so far over the seconds, in percent, up to the target."""
    highest, seeds = measured.targets[-1][1], shared(measured)
    drawn = {}
    for way, name in NAMES.items():
        runs = [measured.ways[way][seed] for seed in seeds]
        moments = sorted({at for sights in runs for at, _ in sights})
        best = [median(min(highest, best_by(sights, at)) for sights in runs) for at in moments]
        seen = [(at, 100 * value) for at, value in zip(moments, best, strict=True) if value > 0]
        drawn[name] = ([at for at, _ in seen], [value for _, value in seen])
    return drawn
