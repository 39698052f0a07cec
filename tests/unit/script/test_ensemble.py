"""Scripts of ensembles: clean for every mixture of configurations, and nothing is said twice."""

import ast
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scripted import (
    CONFIGS,
    DATA,
    EMBEDDED,
    NUMBERS,
    OBJECTIVES,
    REGRESSION,
    check,
    parts,
    recipe,
    table,
)

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe
from hpsearch.script.ensemble import Network, ensemble_script
from hpsearch.script.names import check_names
from hpsearch.script.pieces import MARK

MIXED: list[dict[str, Any]] = [
    {"lr_schedule": "cosine"},
    {"members": 4, "lr_schedule": "plateau", "optimizer": {"type": "sgd", "momentum": 0.9}},
    {"network": {"type": "conv"}, "augment": {"flip": True, "mixup": 0.2}},
]


def networks(*recipes: Recipe) -> list[Network]:
    """One network of each, all of the same weight."""
    share = 1 / len(recipes)
    return [
        Network(name=f"trial {number}", recipe=each, weight=share)
        for number, each in enumerate(recipes)
    ]


def written(*configs: dict[str, Any], **sections: Any) -> str:
    recipes = [recipe(config=each, **sections) for each in configs]
    return ensemble_script(networks(*recipes), "digits", 0.98765, parts(), DATA)


def constant(text: str, name: str) -> Any:
    """What a constant of a script is."""
    source = next(
        ast.unparse(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )
    return eval(source, {"SimpleNamespace": SimpleNamespace})  # noqa: S307  # our own text


def test_every_mixture_gives_a_clean_script(tmp_path: Path) -> None:
    numbers = table(NUMBERS)
    texts = [
        *(written({}, each) for each in CONFIGS),
        *(written(*MIXED, objective=each) for each in OBJECTIVES),
        written(*MIXED, training={"precision": "mixed_float16", "early_stopping": False}),
        written(*({"optimizer": {"type": "sgd", "nesterov": on}} for on in (False, True))),
        tables(numbers),
        tables(replace(numbers, others=(numbers,))),
    ]
    for number, text in enumerate(texts):
        assert check_names(text, "script.py") == []
        (tmp_path / f"script_{number}.py").write_text(text)
    check(tmp_path)


def tables(data: Parts) -> str:
    recipes = [recipe(config=each, **REGRESSION) for each in ({}, *EMBEDDED)]
    return ensemble_script(networks(*recipes), "houses", 1.5, data, DATA)


def test_no_name_is_defined_twice() -> None:
    tree = ast.parse(written(*MIXED)).body
    names = [node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    targets = [node.targets[0] for node in tree if isinstance(node, ast.Assign)]
    names += [node.id for node in targets if isinstance(node, ast.Name)]
    assert len(names) == len(set(names))
    assert {"CONFIGURATIONS", "ENSEMBLE", "BUILDERS", "SCHEDULES", "train"} <= set(names)


def test_refits_tell_that_validation_means_little_and_no_value_of_before() -> None:
    told = "It trains on the validation examples, too, so that validation results mean little."
    text = written({}, {"members": 2})
    assert (told in text, "0.98765" in text) == (False, True)
    text = written({}, {"members": 2}, dataset={"include_validation": True})
    assert (told in text, "0.98765" in text) == (True, False)


def test_each_configuration_stands_once_and_each_network_has_its_seed_and_weight() -> None:
    first = recipe(config={"units": [64, 32]})
    other = recipe(config={"batch_size": 7, "optimizer": {"type": "adamw", "weight_decay": 0.5}})
    members = [
        Network(name="trial 3", recipe=first, weight=0.5),
        Network(name="the baseline", recipe=other, weight=0.375),
        Network(name="trial 3", recipe=first.model_copy(update={"seed": 2}), weight=0.125),
    ]
    text = ensemble_script(members, "digits", 0.98765, parts(), DATA)
    assert constant(text, "ENSEMBLE") == [
        ("trial 3", 1, 0.5), ("the baseline", 1, 0.375), ("trial 3", 2, 0.125),
    ]  # fmt: skip
    configurations = constant(text, "CONFIGURATIONS")
    assert list(configurations) == ["trial 3", "the baseline"]
    assert configurations["trial 3"].network.units == [64, 32]
    baseline = configurations["the baseline"]
    assert (baseline.batch_size, baseline.optimizer) == (7, "AdamW")
    assert baseline.settings.weight_decay == 0.5
    assert baseline.learning_rate == TrialConfig().optimizer.learning_rate
    assert "SEED" not in text
    assert "LEARNING_RATE" not in text


def test_what_no_network_needs_is_left_out() -> None:
    plain = written({"lr_schedule": "cosine"}, {"units": 9, "lr_schedule": "cosine"})
    for word in (
        "BUILDERS",
        "SCHEDULES",
        "Augmented",
        "augment",
        "lowering",
        "PLATEAU",
        "trained =",
    ):
        assert word not in plain, word
    assert "rate = cosine(config.learning_rate, steps)" in plain
    assert "outputs = build(config.network, inputs, OUTPUTS, seed, policy)" in plain


def test_what_some_networks_need_is_asked_of_each() -> None:
    text = written(*MIXED)
    assert 'if config.lr_schedule == "plateau":\n        callbacks.append(' in text
    assert "rate = SCHEDULES[config.lr_schedule](config.learning_rate, steps)" in text
    table = re.search(r"BUILDERS = \{\n(.*?)\}", text, re.DOTALL)
    assert table is not None
    assert table[1].split() == [
        '"dense":', "build_dense,", '"members":', "build_members,", '"conv":', "build_conv,",
    ]  # fmt: skip
    configurations = constant(text, "CONFIGURATIONS").values()
    assert [one.builder for one in configurations] == ["dense", "members", "conv"]
    assert [one.augment.mixup for one in configurations] == [0.0, 0.0, 0.2]
    every = written({"lr_schedule": "plateau"}, {"lr_schedule": "plateau"})
    assert "ReduceLROnPlateau(" in every
    assert "callbacks.append" not in every


@pytest.mark.parametrize("folds", [1, 3])
def test_it_says_where_it_is_from(folds: int) -> None:
    data = replace(parts(), others=(parts(),) * (folds - 1))
    chosen = recipe(provenance={"data_fingerprint": "f" * 64, "study": "digits.confirm"})
    text = ensemble_script(networks(chosen, chosen), "digits", 0.98765, data, DATA)
    head = " ".join(text.partition("import argparse")[0].split())
    assert MARK in text[:500]
    assert "from study digits, the ensemble of 2 networks (val_accuracy 0.98765)." in head
    assert "f" * 64 in head
    assert ("trained on 3 folds; this is the first of them" in head) == (folds > 1)
    assert "other splits" not in head
    other = recipe(dataset={"split_seed": 7})
    text = ensemble_script(networks(chosen, other), "digits", 0.98765, data, DATA)
    assert "Some of its networks had other splits there; here all have this one." in text
