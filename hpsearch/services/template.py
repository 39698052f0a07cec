"""The text of a new study file."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hpsearch.data.sources import SOURCES, source_class
from hpsearch.data.sources.source import Look, Source
from hpsearch.for_data import usual_preset
from hpsearch.formats import inline
from hpsearch.presets.preset import NAMES, PresetName, preset
from hpsearch.presets.sizes import Sizes
from hpsearch.recipe import ObjectiveSection
from hpsearch.tasks import TASKS
from hpsearch.tasks.classification import CLASSIFICATION, LOSS

_TEXT = """\
# A search with hpsearch. Its data:  hpsearch data {file}
#                         Check it:  hpsearch check {file}
#                         Run it:    hpsearch run {file}
# A plain value is fixed; a table with a type is a range to search.

{named:<28} # the study's name: runs with the same name resume it
seed = 0
{preset:<28} # what is searched, and tried first, by the size of the data: {presets}

[dataset]
{from_what:<28} # {sources}
{path}validation = {validation:<15} # share of the training split, {{ folds = 5 }}, or "given": the part that the data bring; the test split is never used here
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
# portfolio = false          # do not try the preset's configurations first
[pruner]
type = "median"              # median | hyperband | successive_halving | percentile | none

[training]
# epochs = {epochs:<17} # left out, the preset's
# early_stopping = {{ patience = {patience} }}  # epochs without a better value of the metric; or false; left out, the preset's
reduce_lr_on_plateau = {{ monitor = "val_loss", factor = 0.5, patience = 2 }}  # for lr_schedule "plateau"
# precision = "float32"      # else hpsearch measures once whether the processor is faster in bfloat16

# The preset's space, here for {rows:,} training examples. What you write here is in its place: take the
# sign away from [space] and from the lines that you change.
{space}

# [[enqueue]]                # tried before all others; fields left out are sampled
# {enqueued}
# optimizer = {{ type = "adamw", learning_rate = 1e-3 }}
"""  # noqa: E501  # a user reads these lines in an editor

NETWORKS = ("dense", "conv")
"""What ``init`` writes study files for."""

_SCALE = "scale = {:<20} # none | unit [0,1] | symmetric [-1,1] | standardize\n"
_FEW = 2000
"""Images below which a new study has few trials."""
_FOLDED = 1000
"""Examples below which a new study is cross-validated."""
_SHARE, _ENOUGH = 0.05, 1000
"""Of training rows, and in examples: data's own validation part that is below both is left."""
_COPY = '# path = "{}"  # a copy that you have; else keras.datasets downloads it'


def study_text(
    name: str,
    source: str,
    path: str | None = None,
    network: str = "dense",
    target: str | None = None,
    *,
    look: Look | None = None,
) -> str:
    """A commented study file for a data set.

    Args:
        name: the study's.
        source: as ``dataset.source``.
        path: as ``dataset.path``; None: an example, where the source has a path.
        network: one of ``NETWORKS``.
        target: as ``dataset.target`` of a table; None: an example.
        look: what is known of the data: a validation part that they bring is used, and few rows
            are cross-validated; None: nothing, and they have as many as is usual.
    """
    kind = source_class(source)
    about = f"  # {kind.path_about}" if kind.path_about else ""
    if path is not None:
        line = f"path = {inline(path)}"
    else:
        line = f'path = "{kind.sample}"' if kind.needs_path() else _COPY.format(kind.sample)
    is_table = kind is source_class("table")
    more = kind.more_lines
    if target is not None:
        more = more.replace('target = "target"', f"target = {inline(target)}", 1)
    # What the target says is not known yet.
    metric = f'metric = "{ObjectiveSection().metric}"      # {" | ".join(CLASSIFICATION.metrics)}'
    if kind.takes_task():
        each = (f"{one.name}: {' | '.join(one.metrics)}" for one in TASKS.values())
        metric = f'# metric = "{LOSS.name}"    # left out: by the task; {"; ".join(each)}'
    sizes = _sizes(kind, look)
    if network == "conv" and not sizes.pixels:  # arrays that are images after all
        sizes = replace(sizes, pixels=Source.usual.pixels)
    found = preset(_preset(kind, network, sizes), sizes)
    training = found.table["training"]
    # Arrays may turn out as images or vectors later.
    is_known = network == "conv" or is_table or kind.usual.pixels > 0
    return _TEXT.format(
        named=f'name = "{name}"',
        file=f"{name}.toml",
        from_what=f'source = "{source}"',
        sources=" | ".join(SOURCES),
        preset=f'preset = "{found.name if is_known else "auto"}"',
        presets=" | ".join(("auto", *NAMES)),
        metric=metric,
        validation=_validation(sizes.rows, look),
        path=(f"{line}{about}\n" if kind.takes_path() else "") + more,
        scale="" if is_table else _SCALE.format(f'"{kind.usual_scale}"'),
        trials=20 if kind.usual.pixels and sizes.rows < _FEW else 50,
        epochs=training["epochs"],
        patience=training["early_stopping"]["patience"],
        rows=sizes.rows,
        space="\n".join(f"# {line}".rstrip() for line in found.space_text.splitlines()),
        enqueued='network = { type = "conv", filters = [16, 32], convs = 1, layers = 0 }'
        if network == "conv"
        else f"layers = 2\n# units = {sizes.width // 4}",
    )


def with_keys(text: str, section: str, keys: Mapping[str, Any]) -> str:
    """The text of a new study file with other keys of a section, in place of its own lines.

    Args:
        text: as :func:`study_text` gives it.
        section: one of its tables.
        keys: the keys with their values.
    """
    before, header, rest = text.partition(f"\n[{section}]\n")
    own, blank, after = rest.partition("\n\n")
    lines = own.split("\n")
    for key, value in keys.items():
        line, begun = f"{key} = {inline(value)}", re.compile(rf"(# )?{re.escape(key)} *=")
        number = next((n for n, one in enumerate(lines) if begun.match(one)), len(lines))
        lines[number : number + 1] = [line]
    return before + header + "\n".join(lines) + blank + after


def _validation(rows: int, look: Look | None) -> str:
    """``dataset.validation`` of a new study file."""
    if look is not None and look.validation >= max(1, min(_SHARE * look.rows, _ENOUGH)):
        return '"given"'
    return "{ folds = 5 }" if rows < _FOLDED else "0.1"


def _sizes(kind: type[Source], look: Look | None) -> Sizes:
    """What the preset's sizes follow from, as far as it is known."""
    if look is None:
        return kind.usual
    shape = look.shape or ()
    pixels = min(shape[:2]) if shape and usual_preset(shape) == "images" else kind.usual.pixels
    return replace(kind.usual, rows=max(look.rows, 1), pixels=pixels)


def _preset(kind: type[Source], network: str, sizes: Sizes) -> PresetName:
    """The preset that a new study file is written for."""
    if network == "conv":
        return "images-conv"
    if kind is source_class("table"):
        return "tables"
    return "images" if sizes.pixels else "vectors"
