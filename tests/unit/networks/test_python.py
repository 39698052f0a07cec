"""Networks of one's own: what a file may say of them, and what becomes of their file's place."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from hpsearch.config import TrialConfig, describe
from hpsearch.errors import InputError
from hpsearch.networks import locate
from hpsearch.networks.python import Python
from hpsearch.parsing import parse


def config(**settings: Any) -> TrialConfig:
    table = {"type": "python", "file": "/home/me/own.py", **settings}
    return parse(TrialConfig, {"network": table}, "T")


def network(**settings: Any) -> Python:
    found = config(**settings).network
    assert isinstance(found, Python)
    return found


def test_settings_are_what_is_no_field_even_by_the_name_of_a_method() -> None:
    own = network(depth=3, size=0.5, macs=True, norm={"type": "batch", "momentum": 0.9})
    assert own.settings == {
        "depth": 3,
        "size": 0.5,
        "macs": True,
        "norm": {"type": "batch", "momentum": 0.9},
    }
    assert own.size((8, 8), 10) is None


def test_a_summary_names_file_function_and_settings() -> None:
    assert describe(config(depth=3, rate=0.12345)).startswith("own depth 3 rate 0.123 b32")
    searched = config(depth=3).model_copy(update={"lr_schedule": "cosine"})
    assert describe(searched) == "own depth 3 adam 1.0e-03 cosine b32"
    told = describe(config(function="other", norm={"type": "batch", "momentum": 0.9}))
    assert told.startswith("own other norm batch b32")
    many = describe(config(**{f"a{n}": n for n in range(9)}))
    assert "a5 5 … b32" in many


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"depth": [1, 2]}, "network.depth = [1, 2] has the wrong type; write one plain value"),
        (
            {"depth": {"type": "int", "low": 1, "high": 2}},
            "is a range, but only a plain value fits here",
        ),
        ({"a.b": 1}, '"a.b": a setting\'s name has letters, digits and _; change it'),
        (
            {"function": "no name"},
            '"no name" is not of the right form; write the name of a function',
        ),
        ({"rate": float("nan")}, "network.rate = NaN is not finite; write a finite number"),
    ],
)
def test_a_wrong_setting_is_one_message(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as raised:
        network(**settings)
    (line,) = str(raised.value).splitlines()
    assert told in line


def test_files_are_found_from_the_study_file_and_their_content_is_kept(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("def build(config, data): ...\n")
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    data: dict[str, Any] = {
        "space": {"network": {"python": {"file": "own.py", "depth": 1}, "dense": {"units": 8}}},
        "baseline": {"network": {"type": "python", "file": "own.py"}},
        "enqueue": [{"network": {"type": "python", "depth": 1}}, {"batch_size": 8}],
    }
    locate(data, tmp_path, "mine.toml")
    found = {"file": str(own.resolve()), "sha256": digest}
    assert data["space"]["network"] == {"python": {"depth": 1, **found}, "dense": {"units": 8}}
    assert data["baseline"]["network"] == {"type": "python", **found}
    assert data["enqueue"][0] == {"network": {"type": "python", "depth": 1}}


def test_a_file_that_is_not_there_or_has_changed_is_told(tmp_path: Path) -> None:
    table = {"type": "python", "file": "own.py"}
    with pytest.raises(InputError, match=r'mine.toml: file = "own.py" does not exist'):
        locate({"config": {"network": dict(table)}}, tmp_path, "mine.toml")
    (tmp_path / "own.py").write_text("")
    with pytest.raises(InputError, match=r"own.py has changed since this was written"):
        locate({"config": {"network": {**table, "sha256": "0" * 64}}}, tmp_path, "mine.toml")
