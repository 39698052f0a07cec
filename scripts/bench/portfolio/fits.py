"""What fits which data: the best candidates of each set beside its size, and effects of choices."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from regrets import Recorded, regrets, weights
from scipy.stats import spearmanr

from hpsearch.config import TrialConfig

BEST = 0.2
"""The share of the candidates that are looked at as the best of a set."""
FEWEST = 3
"""Candidates on either side of a choice."""

Trait = Callable[[Any, TrialConfig], float]
"""A number of a line of the record and its configuration."""


def _networks(name: str) -> Callable[[TrialConfig], Any]:
    return lambda config: getattr(config.network, name, None)


NUMBERS: dict[str, Trait] = {
    "parameters": lambda line, _: float(line["parameters"]),
    "width": lambda _, config: float(np.exp(np.mean(np.log(_widths(config))))),
    "layers": lambda _, config: float(len(_widths(config))),
    "dropout": lambda _, config: float(np.mean(_networks("dropout")(config))),
    "batch": lambda _, config: float(config.batch_size),
    "rate of Adam": lambda _, config: (
        config.optimizer.learning_rate if config.optimizer.type.startswith("adam") else np.nan
    ),
    "best epoch": lambda line, _: float(line["best_epoch"]),
}
"""What is averaged over the best candidates, by its title."""

CHOICES: dict[str, Callable[[TrialConfig], Any]] = {
    "batch_norm": _networks("batch_norm"),
    "activation": _networks("activation"),
    "numeric_embedding": _networks("numeric_embedding"),
    "members > 1": lambda config: getattr(config.network, "members", 1) > 1,
    "input_scale": _networks("input_scale"),
    "residual": _networks("residual"),
    "pool": _networks("pool"),
    "head": _networks("head"),
    "layers": lambda config: len(_widths(config)),
    "l2 > 0": lambda config: getattr(config.network, "l2", 0.0) > 0,
    "optimizer": lambda config: config.optimizer.type,
    "lr_schedule": lambda config: config.lr_schedule,
    "label_smoothing > 0": lambda config: config.label_smoothing > 0,
    "batch_size": lambda config: config.batch_size,
    "augment.translate > 0": lambda config: config.augment.translate > 0,
    "augment.mixup > 0": lambda config: config.augment.mixup > 0,
}
"""What candidates are parted by, by its title."""


def fits(table: Recorded, configs: Sequence[TrialConfig]) -> list[str]:
    """Lines of a report.

    Args:
        table: of a kind.
        configs: of its candidates.
    """
    return [*_sizes(table, configs), "", *_slopes(table, configs), "", *_effects(table, configs)]


def _sizes(table: Recorded, configs: Sequence[TrialConfig]) -> list[str]:
    """The best candidates of each set, beside the size of the data, and rank correlations."""
    regret = regrets(table.pooled)
    count = max(3, round(BEST * len(configs)))
    text = [
        f"The best {count} candidates of each set (medians), and how they go with its size:",
        "",
        "| set | rows | features | outputs | best | median | " + " | ".join(NUMBERS) + " |",
        "|---|" + "---|" * (5 + len(NUMBERS)),
    ]
    sizes, means = [], []
    for row, (name, lines) in enumerate(zip(table.sets, table.lines, strict=True)):
        best = np.argsort(regret[row], kind="stable")[:count]
        means.append([_median(trait, lines, configs, best) for trait in NUMBERS.values()])
        sizes.append([lines[0][key] for key in ("rows", "features", "outputs")])
        errors = table.pooled[row]
        cells = [f"{one:.3g}" for one in (errors.min(), np.median(errors))]
        cells += [_shown(one) for one in means[-1]]
        text.append(f"| {name} | " + " | ".join([*map(str, sizes[-1]), *cells]) + " |")
    for place, what in enumerate(("rows", "features", "outputs")):
        found = [_correlation(np.array(sizes)[:, place], one) for one in np.array(means).T]
        text.append(f"| rank correlation with {what} | | | | | | " + " | ".join(found) + " |")
    return text


def _slopes(table: Recorded, configs: Sequence[TrialConfig]) -> list[str]:
    """How the regret of all candidates goes with their numbers, set by set."""
    regret = regrets(table.pooled)
    titles = [title for title in NUMBERS if title != "best epoch"]
    text = [
        "Rank correlation of regret with each number over candidates (below 0: more is better):",
        "",
        "| set | rows | " + " | ".join(titles) + " |",
        "|---|" + "---|" * (1 + len(titles)),
    ]
    for row, (name, lines) in enumerate(zip(table.sets, table.lines, strict=True)):
        cells = []
        for title in titles:
            trait = NUMBERS[title]
            values = [
                trait(line, config) if "value" in line else np.nan
                for line, config in zip(lines, configs, strict=True)
            ]
            cells.append(_correlation(regret[row], np.array(values)))
        text.append(f"| {name} | {lines[0]['rows']} | " + " | ".join(cells) + " |")
    return text


def _effects(table: Recorded, configs: Sequence[TrialConfig]) -> list[str]:
    """The mean regret of candidates by their choices, with the standard error over the families."""
    regret, weight = regrets(table.pooled), weights(table.families)
    text = [
        "Regret with a choice less that with the others, and its standard error over families:",
        "",
        "| | choice | candidates | regret | standard error |",
        "|---|---|---|---|---|",
    ]
    for title, of in CHOICES.items():
        found = [of(config) for config in configs]
        values = sorted({one for one in found if one is not None}, key=str)
        for value in values[1:] if values[:1] == [False] else values:
            has = np.array([one == value for one in found])
            if min(has.sum(), (~has).sum()) < FEWEST:
                continue
            by_set = regret[:, has].mean(1) - regret[:, ~has].mean(1)
            families = dict.fromkeys(table.families)
            is_of = np.array([[one == family for one in table.families] for family in families])
            each = np.array([by_set[one].mean() for one in is_of])
            error = each.std(ddof=1) / np.sqrt(len(each))
            text.append(
                f"| {title} | {value} | {has.sum()} | {weight @ by_set:+.2f} | {error:.2f} |"
            )
    return text


def _widths(config: TrialConfig) -> Sequence[int]:
    """Of hidden layers, or the filters of blocks."""
    network: Any = config.network
    found: Sequence[int] = network.filters if network.type == "conv" else network.units
    return found


def _median(
    trait: Trait,
    lines: Sequence[dict[str, Any]],
    configs: Sequence[TrialConfig],
    best: npt.NDArray[np.intp],
) -> float:
    values = [trait(lines[one], configs[one]) for one in best if "value" in lines[one]]
    known = [one for one in values if not np.isnan(one)]
    return float(np.median(known)) if known else np.nan


def _correlation(sizes: npt.NDArray[Any], values: npt.NDArray[Any]) -> str:
    known = ~np.isnan(values)
    if known.sum() < 4 or len(set(sizes[known])) == 1 or len(set(values[known])) == 1:
        return ""
    return f"{spearmanr(sizes[known], values[known]).statistic:+.2f}"


def _shown(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
