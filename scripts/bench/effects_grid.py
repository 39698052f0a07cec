"""Records grids whose truth is known: all combinations of six choices, on three data sets.

    .venv/bin/python scripts/bench/effects_grid.py digits|diabetes|breast_cancer

Each combination is trained with five seeds to its last epoch, with the networks and the training of
hpsearch, so that effects.py can search on them and knows what there is to find. Results:
results/effects-grid.csv, a line a training, with the objective by epoch; the command goes on where
it was cut off, and sets may be recorded side by side. All three come with scikit-learn.
"""

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from record import Growing
from sklearn.datasets import load_breast_cancer

from hpsearch.config import TrialConfig
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.errors import TrialFailedError
from hpsearch.home import Home
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.space import config_of
from hpsearch.study_file import StudyFile, load
from hpsearch.training.outcome import Watch
from hpsearch.training.start import start_tensorflow

EPOCHS, SEEDS = 20, 5
CHOICES: dict[str, tuple[Any, ...]] = {
    "layers": (1, 3),
    "activation": ("relu", "tanh"),
    "batch_norm": (False, True),
    "dropout": (0.0, 0.4),
    "optimizer": ("adam", "sgd"),
}
RATES = {"adam": (5e-4, 2e-3, 1e-2), "sgd": (1e-2, 3e-2, 1e-1)}
"""The sixth choice, of which each optimizer has its own: ends and middles of ``init``'s ranges."""
MORE = {"adam": "", "sgd": ", momentum = 0.7"}
DATA = {
    "digits": 'source = "digits"\nlimit = 600\nvalidation = 0.4',
    "diabetes": 'source = "table"\npath = "{studies}/tables/diabetes.csv"\ntarget = "progression"\n'
    'categorical = ["sex"]\ntask = "regression"\nvalidation = 0.4',
    "breast_cancer": 'source = "npz"\npath = "{scratch}/breast_cancer.npz"\n'
    'scale = "standardize"\nvalidation = 0.4',
}
METRICS = {"digits": "val_accuracy", "diabetes": "val_rmse", "breast_cancer": "val_loss"}
SCRATCH = Path(tempfile.gettempdir()) / "hpsearch-bench-effects"
STUDY = """\
name = "effects"
[dataset]
{data}
[objective]
metric = "{metric}"
[training]
epochs = {epochs}
early_stopping = false
precision = "float32"
[space]
units = 48
batch_size = 32
{choices}
[space.optimizer]
{optimizers}
"""
NAMES = (*CHOICES, "learning_rate")
TABLE = Growing(
    "effects-grid", ("set", *NAMES, "seed", *(str(epoch + 1) for epoch in range(EPOCHS)))
)


def study_file(data: str) -> StudyFile:
    """The study whose space the grid is."""

    def written(values: tuple[Any, ...]) -> str:
        listed = ", ".join(str(v).lower() if isinstance(v, bool) else repr(v) for v in values)
        return f'{{ type = "categorical", choices = [{listed}] }}'

    choices = {name: values for name, values in CHOICES.items() if name != "optimizer"}
    text = STUDY.format(
        data=DATA[data].format(studies=Path(__file__).parents[2] / "studies", scratch=SCRATCH),
        metric=METRICS[data],
        epochs=EPOCHS,
        choices="\n".join(f"{name} = {written(values)}" for name, values in choices.items()),
        optimizers="\n".join(
            f"{kind} = {{ learning_rate = {written(rates)}{MORE[kind]} }}"
            for kind, rates in RATES.items()
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "effects.toml"
        file.write_text(text, encoding="utf-8")
        return load(file)


def points() -> list[dict[str, Any]]:
    """The parameters of all combinations."""
    found = []
    for values in itertools.product(*CHOICES.values()):
        chosen = dict(zip(CHOICES, values, strict=True))
        kind = chosen["optimizer"]
        found += [chosen | {f"{kind}.learning_rate": rate} for rate in RATES[kind]]
    return found


def row_of(params: dict[str, Any]) -> dict[str, str]:
    """The columns of a combination, as the table has them."""
    rate = params[f"{params['optimizer']}.learning_rate"]
    return {name: str(params.get(name, rate)) for name in NAMES}


def write_breast_cancer() -> None:
    """The set as arrays."""
    SCRATCH.mkdir(exist_ok=True)
    x, y = load_breast_cancer(return_X_y=True)
    np.savez(SCRATCH / "breast_cancer.npz", x_train=x.astype(np.float32), y_train=y)


def record(data: str) -> None:
    """Train what is missing of a set's grid."""
    from hpsearch.training.train import train  # noqa: PLC0415  # needs TensorFlow

    write_breast_cancer()
    file = study_file(data)
    parts = split(open_dataset(file.dataset, Home(SCRATCH / f"home-{data}")), file.dataset)
    there = {tuple(row[name] for name in ("set", *NAMES, "seed")) for row in TABLE.rows()}
    for seed, params in itertools.product(range(SEEDS), points()):
        row = {"set": data} | row_of(params) | {"seed": str(seed)}
        if tuple(row.values()) in there:
            continue
        config = config_of(file.space, params)
        assert isinstance(config, TrialConfig)  # noqa: S101  # of the same names
        recipe = file.recipe(config, derive_seed(0, "trial", seed), {})
        try:
            outcome = train(recipe, parts, SCRATCH / f"run-{data}", Watch())
        except TrialFailedError:  # it diverged, and has no curve
            TABLE.add([row])
            continue
        metric = METRICS[data]
        curve = {str(e.epoch): f"{e.values[metric]:.6g}" for e in outcome.curves}
        TABLE.add([row | curve])
        print(data, *row.values(), curve[str(EPOCHS)], flush=True)


def main() -> None:
    """Record what is missing of one set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=list(DATA))
    options = parser.parse_args()
    start_tensorflow(threads=1)
    record(options.data)


if __name__ == "__main__":
    main()
