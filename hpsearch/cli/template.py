"""The text of a new study file."""

import tomli_w

from hpsearch.data.sources import SOURCES, source_class
from hpsearch.recipe import ObjectiveSection
from hpsearch.tasks import TASKS
from hpsearch.tasks.classification import CLASSIFICATION, LOSS

_TEXT = """\
# A search with hpsearch. Its data:  hpsearch data {file}
#                         Check it:  hpsearch check {file}
#                         Run it:    hpsearch run {file}
# A plain value is fixed; a table with a type is a range to search.

name = "{name}"              # the study's name: runs with the same name resume it
seed = 0

[dataset]
source = "{source}"          # {sources}
{path}validation = {validation:<15} # share of the training split, or {{ folds = 5 }}; the test split is never used here
{scale}# limit = 20000              # use at most so many training examples
# class_weights = "balanced" # of classes: weigh rare ones up

[objective]
{metric}

[budget]                     # exact, however many workers share it
trials = {trials}
# timeout = "2h"             # of search time
# plateau = 25               # stop after so many trials without a better one
# max_parameters = 5_000_000
# max_macs = 50_000_000      # multiplications for one example

[sampler]
type = "tpe"                 # tpe | gp | qmc | random | grid
[pruner]
type = "median"              # median | hyperband | successive_halving | percentile | none

[training]
epochs = {epochs}
early_stopping = {{ patience = {patience} }}    # epochs without a better value of the metric; or false
reduce_lr_on_plateau = {{ monitor = "val_loss", factor = 0.5, patience = 2 }}  # for lr_schedule "plateau"
# precision = "float32"      # else hpsearch measures once whether the processor is faster in bfloat16

"""  # noqa: E501  # a user reads these lines in an editor

_DENSE = """\
[space]
layers = {{ type = "int", low = 1, high = {layers} }}
units = {{ type = "int", low = {low}, high = {high}, log = true, per_layer = true }}
activation = {{ type = "categorical", choices = ["relu", "gelu", "tanh"] }}
batch_norm = {{ type = "categorical", choices = [true, false] }}
dropout = {{ type = "float", low = 0.0, high = 0.5, per_layer = true }}
l2 = {{ type = "categorical", choices = [0.0, 1e-5, 1e-4] }}
initializer = {{ type = "categorical", choices = ["he_normal", "glorot_uniform"] }}
batch_size = {{ type = "categorical", choices = [32, 64, 128] }}
lr_schedule = {{ type = "categorical", choices = ["constant", "plateau", "cosine", "warmup_cosine"] }}
"""  # noqa: E501

_TABLE = """\
[space]
layers = {{ type = "int", low = 1, high = 4 }}
units = {{ type = "int", low = 64, high = 512, log = true }}     # one width for all layers
activation = {{ type = "categorical", choices = ["relu", "gelu", "mish"] }}
dropout = {{ type = "float", low = 0.0, high = 0.5 }}
numeric_embedding = {{ type = "categorical", choices = ["none", "periodic", "piecewise"] }}
members = {{ type = "categorical", choices = [1, 8] }}           # networks trained as one, averaged
input_scale = {{ type = "categorical", choices = [false, true] }}
batch_size = {{ type = "categorical", choices = [64, 128, 256] }}
lr_schedule = {{ type = "categorical", choices = ["constant", "cosine", "coslog4"] }}

[space.optimizer]
adamw = {{ learning_rate = {{ type = "float", low = 5e-4, high = 1e-2, log = true }}, weight_decay = {{ type = "float", low = 1e-4, high = 1e-1, log = true }} }}

"""  # noqa: E501

_FIRST_TABLE = """\
[[enqueue]]                  # tried first; fields left out are sampled
layers = 3
units = 256
activation = "relu"
dropout = 0.1
numeric_embedding = "piecewise"
members = 1
input_scale = false
batch_size = 128
lr_schedule = "constant"
optimizer = {{ type = "adamw", learning_rate = 1e-3, weight_decay = 1e-3 }}

[[enqueue]]                  # after TabM (Gorishniy et al. 2025), with fewer members
layers = 3
units = 256
activation = "relu"
dropout = 0.1
numeric_embedding = "piecewise"
members = 8
input_scale = false
batch_size = 128
lr_schedule = "constant"
optimizer = {{ type = "adamw", learning_rate = 2e-3, weight_decay = 1e-3 }}

[[enqueue]]                  # after RealMLP (Holzmüller et al. 2024), without its parametrisation
layers = 3
units = 256
activation = "mish"
dropout = 0.15
numeric_embedding = "periodic"
members = 1
input_scale = true
batch_size = 256
lr_schedule = "coslog4"
optimizer = {{ type = "adamw", learning_rate = 5e-3, weight_decay = 2e-2 }}
"""

_OPTIMIZERS = """
[space.optimizer]            # one table for each optimizer that may be chosen
adam = {{ learning_rate = {{ type = "float", low = 5e-4, high = 1e-2, log = true }} }}
adamw = {{ learning_rate = {{ type = "float", low = 5e-4, high = 1e-2, log = true }}, weight_decay = {{ type = "float", low = 1e-5, high = 1e-3, log = true }} }}
sgd = {{ learning_rate = {{ type = "float", low = 1e-2, high = 1e-1, log = true }}, momentum = {{ type = "float", low = 0.5, high = 0.95 }}, nesterov = true }}

"""  # noqa: E501

_FIRST_DENSE = """\
# [[enqueue]]                # tried first; fields left out are sampled
# layers = 2
# units = [{low}, {low}]
# optimizer = {{ type = "adam", learning_rate = 1e-3 }}
"""

_CONV = """\
[space]
batch_size = {{ type = "categorical", choices = [64, 128] }}
lr_schedule = {{ type = "categorical", choices = ["cosine", "warmup_cosine"] }}

[space.augment]              # training images change anew in every epoch; hpsearch data shows them
flip = false                 # true: mirror them; not for digits and letters
translate = {{ type = "int", low = 0, high = {move} }}      # pixels
cutout = 0                   # pixels of a grey square
mixup = 0.0                  # 0.2: mix images and their labels

[space.network.conv]         # a block: [convolution, batch normalisation, activation] x convs, then pooling
blocks = {{ type = "int", low = 2, high = {blocks} }}
filters = {{ type = "int", low = 16, high = {filters}, step = 16, per_layer = true }}   # of each block
convs = {{ type = "int", low = 1, high = 2, per_layer = true }}
residual = {{ type = "categorical", choices = [true, false] }}
pool = {{ type = "categorical", choices = ["max", "avg"] }}   # or "stride"
activation = {{ type = "categorical", choices = ["relu", "gelu"] }}
dropout = {{ type = "float", low = 0.0, high = 0.3 }}
l2 = {{ type = "categorical", choices = [0.0, 1e-4] }}
head = "gap"                 # the mean over the image; "flatten" keeps all places
layers = {{ type = "int", low = 0, high = 1 }}    # hidden Dense layers behind: with any it is a hybrid
units = {{ type = "int", low = 64, high = 256, log = true, per_layer = true }}
"""  # noqa: E501

_FIRST_CONV = """\
# [[enqueue]]                # tried first; fields left out are sampled
# network = {{ type = "conv", filters = [16, 32], convs = 1, layers = 0 }}
# optimizer = {{ type = "adam", learning_rate = 1e-3 }}
"""

SPACES = {
    "dense": (_DENSE + _OPTIMIZERS, _FIRST_DENSE),
    "conv": (_CONV + _OPTIMIZERS, _FIRST_CONV),
}
"""By the kind of network: the text of ``[space]``, and of what is tried first."""

_SPACE_OF_TABLE = (_TABLE, _FIRST_TABLE)

_SCALE = "scale = {:<20} # none | unit [0,1] | symmetric [-1,1] | standardize\n"
_COPY = '# path = "{}"  # a copy that you have; else keras.datasets downloads it'


def study_text(
    name: str,
    source: str,
    path: str | None = None,
    network: str = "dense",
    target: str | None = None,
    *,
    in_folds: bool = False,
) -> str:
    """A commented study file for a data set.

    Args:
        name: the study's.
        source: as ``dataset.source``.
        path: as ``dataset.path``; None: an example, where the source has a path.
        network: one of ``SPACES``.
        target: as ``dataset.target`` of a table; None: an example.
        in_folds: whether it is cross-validated.
    """
    kind = source_class(source)
    about = f"  # {kind.path_about}" if kind.path_about else ""
    if path is not None:
        line = tomli_w.dumps({"path": path}).strip()
    else:
        line = f'path = "{kind.sample}"' if kind.needs_path() else _COPY.format(kind.sample)
    # Dense networks for tables have a space of their own.
    is_table = kind is source_class("table")
    space, first = _SPACE_OF_TABLE if is_table and network == "dense" else SPACES[network]
    more = kind.more_lines
    if target is not None:
        more = more.replace('target = "target"', tomli_w.dumps({"target": target}).strip(), 1)
    # What the target says is not known yet.
    metric = f'metric = "{ObjectiveSection().metric}"      # {" | ".join(CLASSIFICATION.metrics)}'
    if kind.takes_task():
        each = (f"{one.name}: {' | '.join(one.metrics)}" for one in TASKS.values())
        metric = f'# metric = "{LOSS.name}"    # left out: by the task; {"; ".join(each)}'
    return (_TEXT + space + first).format(
        name=name,
        file=f"{name}.toml",
        source=source,
        sources=" | ".join(SOURCES),
        metric=metric,
        validation="{ folds = 5 }" if in_folds else "0.1",
        path=(f"{line}{about}\n" if kind.takes_path() else "") + more,
        scale="" if is_table else _SCALE.format(f'"{kind.usual_scale}"'),
        trials=20 if kind.is_small else 50,
        epochs=100 if is_table else 20 if kind.is_small else 30,
        patience=16 if is_table else 5,
        layers=3 if kind.is_small else 5,
        low=32 if kind.is_small else 64,
        high=256 if kind.is_small else 2048,
        blocks=3 if kind.is_small else 4,
        filters=64 if kind.is_small else 128,
        move=1 if kind.is_small else 3,
    )
