"""What several benchmarks share: the peers' environment, images of CIFAR-10, a study file."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import tomli_w
from configurations import CONFIGURATIONS
from environment import make_environment

from hpsearch.data.cache import open_dataset
from hpsearch.data.section import DatasetSection
from hpsearch.data.stratify import draw
from hpsearch.home import Home

HERE = Path(__file__).parent
PEERS_PYTHON = HERE.parent.parent / ".venv-peers" / "bin" / "python"
TRAIN, VALIDATION = 10_000, 2_000


def make_peers() -> Path:
    """The Python of the peers' environment, which is made from locked versions."""
    return make_environment(".venv-peers", HERE / "peers.lock", "about 2.5 GB, a few minutes")


def write_data(
    folder: Path,
    scratch: Path,
    train: int = TRAIN,
    validation: int = VALIDATION,
    source: Literal["image_folder", "fashion_mnist"] = "image_folder",
) -> Path:
    """The images that all ways train on, in one file."""
    section = DatasetSection(source=source, path=str(folder))
    dataset = open_dataset(section, Home(scratch / "import"))
    x, y = dataset.train()
    rows, rest = draw(np.arange(len(y)), y, train, 0, dataset.class_names)
    held, rest = draw(rest, y, validation, 0, dataset.class_names)
    tested, _ = draw(rest, y, 100, 0, dataset.class_names)  # else hpsearch would set some aside
    file = scratch / "data.npz"
    parts = {"train": rows, "val": held, "test": tested}
    arrays = {f"x_{part}": x[taken] for part, taken in parts.items()}
    arrays |= {f"y_{part}": y[taken] for part, taken in parts.items()}
    np.savez(file, **arrays)  # type: ignore[arg-type] # numpy's other keyword is not among them
    return file


def run_peer(arguments: list[str], log: Path) -> None:
    """Run peers.py without a GPU; ends this program where it fails."""
    quiet = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [str(PEERS_PYTHON), str(HERE / "peers.py"), *arguments]
    with log.open("w") as file:
        done = subprocess.run(command, env=quiet, stdout=file, stderr=file, check=False)  # noqa: S603 - see above
    if done.returncode:
        sys.exit(f"{arguments} ended with {done.returncode}:\n{log.read_text()}")


def write_study(data: Path, scratch: Path, epochs: int) -> Path:
    """A study whose trials are the configurations, in their order."""
    choices = {"type": "categorical"}
    rate = {"type": "float", "low": 1e-5, "high": 1.0, "log": True}
    study = {
        "name": "bench",
        "dataset": {"source": "npz", "path": str(data), "validation": "given"},
        "budget": {"trials": len(CONFIGURATIONS)},
        "sampler": {"type": "random"},
        "pruner": {"type": "none"},
        "training": {"epochs": epochs, "early_stopping": False},
        "space": {
            "layers": {"type": "int", "low": 1, "high": 5},
            "units": {"type": "int", "low": 32, "high": 2048, "per_layer": True},
            "activation": choices | {"choices": ["relu", "gelu", "tanh"]},
            "batch_norm": choices | {"choices": [True, False]},
            "dropout": {"type": "float", "low": 0.0, "high": 0.5, "per_layer": True},
            "l2": choices | {"choices": [0.0, 1e-5, 1e-4]},
            "initializer": choices | {"choices": ["he_normal", "glorot_uniform"]},
            "batch_size": choices | {"choices": [32, 64, 128, 256]},
            "optimizer": {
                "adam": {"learning_rate": rate},
                "adamw": {"learning_rate": rate, "weight_decay": 1e-4},
                "sgd": {
                    "learning_rate": rate,
                    "momentum": choices | {"choices": [0.0, 0.9]},
                    "nesterov": choices | {"choices": [True, False]},
                },
                "rmsprop": {"learning_rate": rate},
            },
        },
        "enqueue": [
            {k: v for k, v in config.items() if k != "lr_schedule"} for config in CONFIGURATIONS
        ],
    }
    file = scratch / "bench.toml"
    file.write_text(tomli_w.dumps(study))
    return file
