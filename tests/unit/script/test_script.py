"""Scripts: for every option one that compiles, is clean, and holds nothing else."""

import ast
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import (
    CLASSES,
    CONFIGS,
    DATA,
    EMBEDDED,
    NUMBERS,
    OBJECTIVES,
    REGRESSION,
    TRAININGS,
    check,
    parts,
    recipe,
    table,
)

import hpsearch
from hpsearch.config import TrialConfig, flat
from hpsearch.networks.dense import Dense
from hpsearch.optimizers import OPTIMIZERS
from hpsearch.recipe import Recipe
from hpsearch.script.names import check_names
from hpsearch.script.pieces import MARK
from hpsearch.script.script import script
from hpsearch.searchable import traits


def written(chosen: Recipe, shape: tuple[int, ...] = (8, 8), data: Path = DATA) -> str:
    return script(chosen, parts(shape), data)


RECIPES = [
    *(recipe(config=each) for each in CONFIGS),
    *(recipe(training=each) for each in TRAININGS),
    *(recipe(training=each, config={"l2": 1e-5}) for each in TRAININGS),
    *(recipe(objective=each) for each in OBJECTIVES),
    *(recipe(objective=each, training={"early_stopping": False}) for each in OBJECTIVES),
    recipe(dataset={"class_weights": "balanced"}),
]
PLACES = [DATA, Path("below/a.npz"), Path("/elsewhere/a.npz"), Path("/d" * 90), Path("d" * 120)]


def test_every_option_gives_a_clean_script(tmp_path: Path) -> None:
    texts = [
        *(written(chosen) for chosen in RECIPES),
        *(written(recipe(), (32, 32, 3), place) for place in PLACES),
    ]
    for number, text in enumerate(texts):
        assert check_names(text, "script.py") == []
        (tmp_path / f"script_{number}.py").write_text(text)
    check(tmp_path)


def test_tables_regressions_weights_and_folds_give_clean_scripts(tmp_path: Path) -> None:
    classes, numbers = table(CLASSES), table(NUMBERS)
    regression = recipe(**REGRESSION)
    images = replace(numbers, transform=parts().transform, input_shape=(8, 8))
    texts = [
        script(recipe(), classes, DATA),
        script(regression, numbers, DATA),
        *(script(recipe(config=one, **REGRESSION), numbers, DATA) for one in EMBEDDED),
        script(regression, replace(numbers, others=(numbers, numbers)), DATA),
        script(recipe(config={"augment": {"mixup": 0.2}}, **REGRESSION), images, DATA),
    ]
    for number, text in enumerate(texts):
        assert check_names(text, "script.py") == []
        (tmp_path / f"script_{number}.py").write_text(text)
    check(tmp_path)
    of_table, of_number, *_, of_folds, of_images = texts
    assert "features(load_fitted(), inputs, SEED, NETWORK)" in of_table
    assert "TARGET" not in of_table
    assert "fitted_" not in of_images
    assert "hpsearch trained on 3 folds" in of_folds
    assert "validation examples of the first of 3 folds" in of_folds
    assert "folds" not in of_number


def test_a_script_is_the_same_in_every_call_and_says_where_it_is_from() -> None:
    facts = {"study": "s" * 100, "trial": 7, "value": 0.98765, "data_fingerprint": "f" * 64}
    chosen = recipe(provenance=facts)
    text = written(chosen)
    assert text == written(chosen)
    head = text.partition("import argparse")[0]
    assert MARK in text[:500]
    assert "s" * 100 in head
    assert "trial 7 (val_accuracy 0.98765)" in " ".join(head.split())
    assert "f" * 64 in head


def test_what_the_recipe_does_not_need_is_left_out() -> None:
    bare = recipe(
        dataset={"source": "cifar10", "path": "/data", "limit": 500, "scale": "standardize"},
        training={"early_stopping": False}, objective={"epoch": "last"},
    )  # fmt: skip
    plain = written(bare)
    for word in (
        "EarlyStopping", "schedules", "Reduce", "class_weight", "set_dtype_policy", "LIMIT",
        "PATIENCE", "import sklearn", "from hpsearch", "/data", "500", "Mapping", "def order",
    ):  # fmt: skip
        assert word not in plain, word


def test_network_loss_and_scores_are_those_of_training() -> None:
    """Line by line, but for the types."""
    text = written(recipe(config={"lr_schedule": "cosine"}))
    root = Path(hpsearch.__file__).parent / "training"
    for file, names in {
        "networks/dense.py": ["build", "stack", "kernel", "activated"],
        "tasks/classification.py": ["losses", "score", "values"],
        "../tasks/scores.py": ["finite", "counted", "macro_f1", "log_odds", "area"],
        "schedules.py": ["cosine"],
        "seeds.py": ["weights_seed"],
    }.items():
        source = (root / file).read_text(encoding="utf-8")
        known = {node.name: node for node in ast.parse(source).body if hasattr(node, "name")}
        for name in names:
            node: Any = known[name]
            body = source.splitlines()[node.body[0].lineno - 1 : node.end_lineno]
            assert f"def {name}(" in text
            assert "\n".join(body) in text


def test_every_monitor_is_one_of_the_values_of_validation() -> None:
    text = written(recipe(config={"l2": 1e-4}, objective={"metric": "val_loss"}))
    assert 'monitor="val_loss"' in text
    assert text.index("Validation(network, x_val, y_val)") < text.index("EarlyStopping(")


@pytest.mark.parametrize(
    ("optimizer", "written_out", "left_out"),
    [
        ({"type": "adamw", "weight_decay": 0.0}, ["weight_decay=0.0", "beta_1=0.9"], ["amsgrad"]),
        ({"type": "adam", "beta_1": 0.0, "beta_2": 0.0}, ["beta_1=0.0", "beta_2=0.0"], []),
        ({"type": "rmsprop", "rho": 0.0}, ["rho=0.0"], ["momentum", "centered"]),
        ({"type": "sgd", "nesterov": True}, ["nesterov=True"], ["momentum="]),
    ],
)
def test_settings_of_the_optimizer_are_those_of_the_recipe(
    optimizer: dict[str, Any], written_out: list[str], left_out: list[str]
) -> None:
    call = written(recipe(config={"optimizer": optimizer})).partition("optimizer=keras.optimizers")[
        2
    ]
    call = call.partition("loss=")[0]
    assert all(f"            {setting},\n" in call for setting in written_out)
    assert not any(setting in call for setting in left_out)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_settings_that_are_left_out_are_off_in_keras_too(kind: str) -> None:
    """Keras' own source is looked at: to import it takes seconds."""
    found = importlib.util.find_spec("keras")
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).parent / "src" / "optimizers" / f"{kind}.py"
    (init,) = (
        node
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    names = [argument.arg for argument in init.args.args[-len(init.args.defaults) :]]
    keras = dict(zip(names, map(ast.literal_eval, init.args.defaults), strict=True))
    ours = {name: field.default for name, field in OPTIMIZERS[kind].model_fields.items()}
    # A decay of None is one of 0.
    assert {name: keras[name] or 0.0 for name in ours if name != "type"} == {
        name: value or 0.0 for name, value in ours.items() if name != "type"
    }


def test_all_settings_are_in_it() -> None:
    config = TrialConfig(layers=1, units=(9,), dropout=(0.25,), batch_size=48)
    text = written(recipe(config=flat(config)))
    names = [trait.name for model in (TrialConfig, Dense) for trait in traits(model)]
    sections = {"network", "optimizer", "augment"}
    assert all(f"    {name}=" in text for name in names if name not in sections)
    assert "    units=[9],\n" in text
    assert "    batch_size=48,\n" in text
