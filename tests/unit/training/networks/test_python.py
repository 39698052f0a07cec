"""Models of the user's own: taken on as they come, or refused by one message with their line."""

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, InputError, TrialFailedError
from hpsearch.optimizers import SGD
from hpsearch.recipe import Recipe
from hpsearch.signals import heard
from hpsearch.training import engine as engine_module
from hpsearch.training import model, users
from hpsearch.training.networks import python
from hpsearch.training.outcome import Watch
from hpsearch.training.tasks.own import Own
from hpsearch.training.train import build_engine, train

CODE = """\
import keras
import tensorflow as tf
from . import beside
from beside import WIDTH

L = keras.layers


def functional(config, data):
    inputs = keras.Input(data.input_shape)
    x = L.Dense(config["width"], activation="relu", kernel_regularizer="l2")(inputs)
    return keras.Model(inputs, L.Dense(data.outputs)(L.Dropout(0.3)(x)))


def sequential(config, data):
    last = L.Dense(data.outputs, activation="softmax")
    return keras.Sequential([L.Dense(WIDTH), L.GaussianNoise(0.1), last])


def in_float64(config, data):
    inner = L.Dense(4, kernel_regularizer="l2", dtype="float64")
    return keras.Sequential([inner, L.Dense(data.outputs)])


class Net(keras.Model):
    def __init__(self, outputs):
        super().__init__()
        self.inner, self.drop, self.outer = L.Dense(4), L.Dropout(0.5), L.Dense(outputs)

    def call(self, x, training=False):
        return self.outer(self.drop(self.inner(x), training=training))


def subclassed(config, data):
    return Net(data.outputs)


def compiled(config, data):
    model = sequential(config, data)
    model.compile(keras.optimizers.RMSprop(0.02), "sparse_categorical_crossentropy", ["accuracy"])
    return model


def one_hot(config, data):
    model = sequential(config, data)
    model.compile(loss="categorical_crossentropy")
    return model


def bad_metric(config, data):
    model = sequential(config, data)
    model.compile(metrics=["no_such_metric"])
    return model


def own_auc(config, data):
    model = sequential(config, data)
    model.compile(loss="sparse_categorical_crossentropy", metrics=[keras.metrics.AUC()])
    return model


def binary(config, data):
    model = keras.Sequential([L.Dense(1, "sigmoid")])
    model.compile(loss="binary_crossentropy")
    return model


class Steps(Net):
    def train_step(self, data):
        return {}


def steps(config, data):
    return Steps(data.outputs)


class Fails(Net):
    def call(self, x, training=False):
        if training:
            raise RuntimeError("in training")
        return super().call(x)


def fails(config, data):
    return Fails(data.outputs)


def no_model(config, data):
    L.Dense(3)


def too_few(config, data):
    return keras.Sequential([L.Dense(2)])


def two_inputs(config, data):
    a, b = keras.Input(data.input_shape), keras.Input(data.input_shape)
    return keras.Model([a, b], L.Dense(3)(L.Add()([a, b])))


def other_inputs(config, data):
    a = keras.Input((99,))
    return keras.Model(a, L.Dense(3)(a))


def no_weights(config, data):
    return keras.Sequential([L.Lambda(lambda x: x[:, :3])])


KEPT = []


def keeps(config, data):
    if not KEPT:
        KEPT.append(sequential(config, data))
    return KEPT[0]


BASE = L.Dense(4)


def frozen_base(config, data):
    BASE.trainable = False
    return keras.Sequential([BASE, L.Dense(data.outputs)])


def raises(config, data):
    return config["missing"]


def lacks(config, data):
    import no_such_package.inner


def leaves(config, data):
    raise SystemExit(3)


def gives_up(config, data):
    raise KeyboardInterrupt


def prints(config, data):
    for number in range(100_000):
        print("number", number)
    return functional(config, data)
"""
WITHOUT_ERROR = ["functional", "sequential", "subclassed", "compiled", "in_float64"]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of functions, with another file beside it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "beside.py").write_text("WIDTH = 4\n")
    (folder / "own.py").write_text(CODE)
    return folder / "own.py"


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe], own: Path) -> Callable[..., Recipe]:
    """A recipe of one of the functions."""

    def make(function: str, **training: Any) -> Recipe:
        found = make_recipe(training=training)
        network = {"type": "python", "file": str(own), "function": function, "width": 6}
        table = {"network": network, "batch_size": 8}
        return Recipe.model_validate(found.model_dump() | {"config": table})

    return make


def line(text: str) -> int:
    """The number of the line of a text in the file."""
    return CODE[: CODE.index(text)].count("\n") + 1


def outputs(recipe: Recipe, parts: Parts) -> Any:
    return np.asarray(model.build_for(recipe, parts)(parts.train.x, training=False))


@pytest.mark.parametrize("function", WITHOUT_ERROR)
def test_the_same_seed_builds_and_trains_the_same_network(
    function: str, recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    one = recipe(function)
    np.testing.assert_array_equal(outputs(one, blobs), outputs(one, blobs))
    first, again = (train(one, blobs, tmp_path / name, Watch()) for name in ("a", "b"))
    assert [e.values for e in first.curves] == [e.values for e in again.curves]
    other = one.model_copy(update={"seed": 2})
    assert (outputs(other, blobs) != outputs(one, blobs)).any()


@pytest.mark.parametrize("function", WITHOUT_ERROR)
def test_a_training_that_was_cut_off_goes_on_to_the_last_bit(
    function: str,
    recipe: Callable[..., Recipe],
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "steps_per_call", lambda *_: 2)
    one = recipe(function, epochs=3)
    whole = train(one, blobs, tmp_path / "whole", Watch())
    left = iter([False] * 7)  # in the middle of the second epoch
    cut = Watch(interrupted=lambda: next(left, True), checkpoint_every=1e6)
    with pytest.raises(TrialFailedError) as raised:
        train(one, blobs, tmp_path / "cut", cut)
    assert raised.value.failure is Failure.INTERRUPTED
    resumed: list[Any] = []
    goes_on = Watch(checkpoint_every=1e6, on_resume=resumed.extend)
    rest = train(one, blobs, tmp_path / "cut", goes_on)
    assert len(resumed) == 1
    assert [e.values for e in rest.curves] == [e.values for e in whole.curves]


def test_probabilities_become_logits(recipe: Callable[..., Recipe], blobs: Parts) -> None:
    for function in ("sequential", "compiled"):
        found = outputs(recipe(function), blobs)
        np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-5)
    assert abs(np.exp(outputs(recipe("functional"), blobs)).sum(axis=1) - 1).max() > 0.01


def test_a_compiled_model_keeps_loss_and_optimizer(
    recipe: Callable[..., Recipe], blobs: Parts
) -> None:
    engine = build_engine(recipe("compiled"), blobs)
    assert isinstance(engine.task, Own)
    assert isinstance(engine.optimizer, keras.optimizers.RMSprop)
    assert float(keras.ops.convert_to_tensor(engine.optimizer.learning_rate)) == pytest.approx(0.02)
    other = build_engine(recipe("sequential"), blobs)
    assert not isinstance(other.task, Own)
    assert isinstance(other.optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize("key", ["optimizer", "lr_schedule", "label_smoothing"])
def test_settings_without_effect_on_a_compiled_model_are_refused(
    key: str, recipe: Callable[..., Recipe], blobs: Parts
) -> None:
    given = {"optimizer": SGD(), "lr_schedule": "cosine", "label_smoothing": 0.1}[key]
    one = recipe("compiled")
    set_to = one.model_copy(update={"config": one.config.model_copy(update={key: given})})
    told = (
        rf"own.py, line {line('def compiled')} \(compiled\) .* \[space\] {key} has no effect; take"
    )
    for made, searched in ((set_to, ()), (one, [key])):
        with pytest.raises(InputError, match=told):
            build_engine(made, blobs, searched)


def test_sizes_are_counted_when_it_is_built(recipe: Callable[..., Recipe], blobs: Parts) -> None:
    engine = build_engine(recipe("functional"), blobs)
    assert engine.parameters == 5 * 6 + 6 + 6 * 3 + 3
    assert 5 * 6 + 6 * 3 <= engine.macs <= 2 * (5 * 6 + 6 * 3)


def test_a_network_over_the_limit_is_not_trained(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    sizes: list[int] = []

    def refuse(size: Any) -> None:
        sizes.append(size.parameters)
        raise TrialFailedError(Failure.TOO_LARGE, "57 parameters")

    with pytest.raises(TrialFailedError, match="57 parameters"):
        train(recipe("functional"), blobs, tmp_path, Watch(on_size=refuse))
    assert sizes == [57]


@pytest.mark.parametrize(
    ("function", "text", "told"),
    [
        ("no_model", "def no_model", "gives NoneType, not a keras.Model"),
        ("too_few", "def too_few", "puts out shape (None, 2); it must be (None, 3), one for each"),
        ("two_inputs", "def two_inputs", "gives a model of 2 inputs; it takes one, of shape (5,)"),
        ("other_inputs", "def other_inputs", "expected shape=(None, 99), found shape=(None, 5)"),
        ("no_weights", "def no_weights", "gives a model without weights to train"),
        ("one_hot", "def one_hot", "whose loss does not fit: targets are class numbers"),
        ("one_hot", "def one_hot", 'compile with "sparse_categorical_crossentropy", and end with'),
        ("bad_metric", "def bad_metric", "whose metrics do not fit: targets are class numbers"),
        ("own_auc", "def own_auc", 'compile with metrics of class numbers ("accuracy", "sparse'),
        ("binary", "def binary", 'or Dense(data.outputs, "softmax"), and compile it with "sparse'),
        ("steps", "def steps", "gives a model with a train_step of its own, which hpsearch's"),
        ("raises", 'return config["missing"]', "KeyError: 'missing'"),
        ("lacks", "import no_such", "there is no package no_such_package here; install it"),
        ("leaves", "raise SystemExit", "SystemExit: 3"),
        ("fails", 'raise RuntimeError("in', "RuntimeError: in training"),
    ],
)
def test_a_mistake_is_one_message_with_the_line_of_the_user(  # noqa: PLR0917  # fixtures
    function: str,
    text: str,
    told: str,
    recipe: Callable[..., Recipe],
    blobs: Parts,
    own: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError) as raised:
        train(recipe(function), blobs, tmp_path, Watch())
    (message,) = str(raised.value).splitlines()
    assert message.startswith(f"{own}, line {line(text)}")
    assert told in message
    assert "\x1b" not in message


def test_weights_of_an_earlier_trial_are_refused(
    recipe: Callable[..., Recipe], blobs: Parts
) -> None:
    build_engine(recipe("keeps"), blobs)
    told = rf"line {line('def keeps')} \(keeps\) returned weights of an earlier trial \(.*kernel\);"
    with pytest.raises(InputError, match=told):
        build_engine(recipe("keeps"), blobs)


def test_frozen_layers_may_be_shared_until_a_loop_trains_them(
    recipe: Callable[..., Recipe], blobs: Parts
) -> None:
    engine = build_engine(recipe("frozen_base"), blobs)
    build_engine(recipe("frozen_base"), blobs)
    own: Any = engine.network.get_layer("own")
    own.layers[0].trainable = True
    python.remember(own)
    with pytest.raises(InputError, match="returned weights of an earlier trial"):
        build_engine(recipe("frozen_base"), blobs)


def test_only_where_no_key_can_be_its_cause_an_interrupt_is_a_mistake(
    recipe: Callable[..., Recipe], blobs: Parts
) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_engine(recipe("gives_up"), blobs)
    told = rf"own.py, line {line('raise Keyb')}: KeyboardInterrupt$"
    with heard([signal.SIGINT], lambda *_: None), pytest.raises(InputError, match=told):
        build_engine(recipe("gives_up"), blobs)


def test_the_traceback_is_logged(
    recipe: Callable[..., Recipe], blobs: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(InputError):
        build_engine(recipe("raises"), blobs)
    assert "Traceback (most recent call last)" in caplog.text


def test_what_it_prints_is_cut(
    recipe: Callable[..., Recipe], blobs: Parts, capfd: pytest.CaptureFixture[str]
) -> None:
    build_engine(recipe("prints"), blobs)
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("number 0\n")
    assert len(said.err) < 11_000
    assert said.err.endswith("(what is printed from here on is left out)\n")


def test_a_file_that_changes_or_lacks_the_function_is_refused(
    recipe: Callable[..., Recipe], own: Path
) -> None:
    network: Any = recipe("functional").config.network
    with pytest.raises(InputError, match=r"has changed since the study or recipe was made"):
        users.function(network.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(InputError, match=r"has no function absent; define it"):
        users.function(network.model_copy(update={"function": "absent"}))
    with pytest.raises(InputError, match=r"does not exist"):
        users.function(network.model_copy(update={"file": f"{own}.away"}))


def test_a_file_that_cannot_be_read_as_python_names_the_line(
    recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text("def build(config, data):\n    return (\n")
    network: Any = recipe("functional").config.network
    with pytest.raises(InputError, match=r"own.py, line 2: SyntaxError"):
        users.function(network.model_copy(update={"file": str(tmp_path / "own.py")}))


def test_errors_of_others_pass() -> None:
    with pytest.raises(ZeroDivisionError), users.told():
        raise ZeroDivisionError


SHORT = """\
import keras
from sizes import WIDTH


def build(config, data):
    return keras.Sequential([keras.layers.Dense(WIDTH), keras.layers.Dense(data.outputs)])
"""


def test_a_file_that_is_imported_is_the_one_that_was_hashed(
    make_recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    sizes = []
    for width in (3, 5):
        folder = tmp_path / str(width)
        folder.mkdir()
        (folder / "sizes.py").write_text(f"WIDTH = {width}\n")
        (folder / "own.py").write_text(SHORT)
        network = {"type": "python", "file": str(folder / "own.py")}
        table = make_recipe().model_dump() | {"config": {"network": network}}
        engine = build_engine(Recipe.model_validate(table), blobs)
        sizes.append(engine.network.get_layer("own").layers[0].units)
        assert sorted(one.name for one in folder.iterdir()) == ["own.py", "sizes.py"]
    assert sizes == [3, 5]
