"""What the search benchmarks share: Fashion-MNIST limited, a conditional space, one trial."""

import sys
import tempfile
import tomllib
from pathlib import Path

from hpsearch.config import TrialConfig
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.errors import TrialFailedError
from hpsearch.home import Home
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.space import Space
from hpsearch.study_file import StudyFile, load
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.training.start import start_tensorflow

BENCH = Path(__file__).parents[1]
sys.path.append(str(BENCH))  # for what all benchmarks share

STUDY = """\
name = "bench"
seed = {seed}
[dataset]
source = "fashion_mnist"
path = "{path}"
limit = {limit}
validation = 0.05
[budget]
trials = {trials}
[training]
epochs = {epochs}
{rest}
[space]
layers = {{ type = "int", low = 1, high = 5 }}
units = {{ type = "int", low = 16, high = 256, log = true, per_layer = true }}
activation = {{ type = "categorical", choices = ["relu", "gelu", "tanh"] }}
batch_norm = {{ type = "categorical", choices = [true, false] }}
dropout = {{ type = "float", low = 0.0, high = 0.5, per_layer = true }}
l2 = {{ type = "categorical", choices = [0.0, 1e-5, 5e-5, 1e-4] }}
initializer = {{ type = "categorical", choices = ["he_normal", "glorot_uniform"] }}
batch_size = {{ type = "categorical", choices = [32, 64, 128, 256] }}
lr_schedule = {{ type = "categorical", choices = ["constant", "plateau", "cosine", "step", "warmup_cosine"] }}
[space.optimizer.adam]
learning_rate = {{ type = "float", low = 5e-4, high = 1e-2, log = true }}
beta_1 = {{ type = "float", low = 0.8, high = 0.95 }}
beta_2 = {{ type = "float", low = 0.98, high = 0.9999 }}
[space.optimizer.adamw]
learning_rate = {{ type = "float", low = 5e-4, high = 1e-2, log = true }}
weight_decay = {{ type = "float", low = 1e-5, high = 1e-4, log = true }}
[space.optimizer.sgd]
learning_rate = {{ type = "float", low = 1e-2, high = 1e-1, log = true }}
momentum = {{ type = "float", low = 0.0, high = 0.95 }}
nesterov = {{ type = "categorical", choices = [true, false] }}
[space.optimizer.rmsprop]
learning_rate = {{ type = "float", low = 1e-4, high = 1e-2, log = true }}
rho = {{ type = "float", low = 0.8, high = 0.99 }}
"""  # noqa: E501  # the space of studies/fashion_mnist.toml, narrower


WHOLE_CURVES = 'early_stopping = false\n[pruner]\ntype = "none"'
"""What ends no trial before its last epoch."""


def study_text(
    path: Path, *, limit: int, epochs: int, trials: int, seed: int, rest: str = WHOLE_CURVES
) -> str:
    """A study file.

    Args:
        path: the four idx files of Fashion-MNIST.
        limit: training examples; there are 3,000 validation examples.
        epochs: of every trial.
        trials: of the study.
        seed: of the study: trial seeds and samplers follow from it.
        rest: the end of ``[training]``, and sections that follow it.
    """
    return STUDY.format(path=path, limit=limit, epochs=epochs, trials=trials, seed=seed, rest=rest)


def space() -> Space:
    """The space of the study file, which is conditional."""
    text = study_text(Path(), limit=1, epochs=1, trials=1, seed=0, rest="")
    found: Space = Space.model_validate(tomllib.loads(text)["space"])
    return found


class Setting:
    """The data and the study file, and a process that trains with one thread."""

    def __init__(self, path: Path, *, limit: int, epochs: int, trials: int, seed: int) -> None:
        """Read the data and start TensorFlow; the arguments are those of study_text."""
        self.scratch = Path(tempfile.mkdtemp(prefix="hpsearch-bench-"))
        text = self.scratch / "bench.toml"
        text.write_text(
            study_text(path, limit=limit, epochs=epochs, trials=trials, seed=seed),
            encoding="utf-8",
        )
        self.file: StudyFile = load(text)
        dataset = open_dataset(self.file.dataset, Home(path_of_imports()))
        self.parts: Parts = split(dataset, self.file.dataset)
        start_tensorflow(threads=1)

    def train(self, config: TrialConfig, seed: int) -> Outcome | None:
        """Train a configuration; None where it diverged."""
        from hpsearch.training.train import train  # noqa: PLC0415  # needs TensorFlow

        recipe = self.file.recipe(config, seed, {})
        try:
            return train(recipe, self.parts, self.scratch / "run", Watch())
        except TrialFailedError:
            return None

    def trial_seed(self, number: int) -> int:
        """The seed of a trial, as in a study of hpsearch."""
        return derive_seed(self.file.seed, "trial", number)


def path_of_imports() -> Path:
    """Where the benchmarks' processes share one import of the data."""
    return Path(tempfile.gettempdir()) / "hpsearch-bench-data"
