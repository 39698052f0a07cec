"""The forms of what is exported, told by the name of the file."""

from pathlib import Path

import pytest

from hpsearch.errors import InputError
from hpsearch.services.forms import form_of


@pytest.mark.parametrize("name", ["keras", "numpy", "random", "absl", "sys", "hpsearch"])
def test_a_script_is_not_called_as_a_module_is(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.py: has the name of a Python module"):
        form_of(f"somewhere/{name}.py")
    assert form_of(f"{name}.toml") == "recipe"
    assert form_of(f"{name}/") == "saved_model"


def test_models_of_other_tools_have_the_endings_that_these_know() -> None:
    endings = {"a.onnx": "onnx", "b/best.v2.tflite": "litert", "best.xml": "openvino"}
    assert {name: form_of(name) for name in endings} == endings
    with pytest.raises(InputError, match=r"cannot export to '.ONNX'; use .*\.tflite \(LiteRT\)"):
        form_of("a.ONNX")


def test_a_script_that_was_written_before_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "best.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("best.py", "my-best.py", "trial.7.py", "__main__.py"):
        assert form_of(name) == "script"
