"""What a format of another tool needs, and that it is missed before anything takes long."""

import pytest

from hpsearch.errors import InputError
from hpsearch.training import other_formats
from hpsearch.training.other_formats import check_other, has_runtime, other_form


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the packages is installed."""
    monkeypatch.setattr(other_formats, "find_spec", lambda _: None)


@pytest.mark.usefixtures("nothing")
def test_a_missing_package_is_named_with_what_installs_it() -> None:
    with pytest.raises(InputError, match="ONNX needs tf2onnx and onnx, not installed here; ") as it:
        check_other("onnx", None)
    assert str(it.value).endswith("install it: pip install 'hpsearch[onnx]'")
    with pytest.raises(InputError, match=r"OpenVINO needs openvino, .*hpsearch\[openvino\]"):
        check_other("openvino", "float16")


@pytest.mark.usefixtures("nothing")
def test_litert_is_written_without_its_runtime_and_quantised_with_it() -> None:
    check_other("litert", None)
    assert not has_runtime("litert")
    with pytest.raises(InputError, match=r"LiteRT needs ai_edge_litert, .*hpsearch\[litert\]"):
        check_other("litert", "int8")


def test_what_is_installed_for_the_tests_is_found() -> None:
    for form in ("onnx", "litert", "openvino"):
        check_other(form, "float16")  # type: ignore[arg-type]
        assert has_runtime(form)  # type: ignore[arg-type]
    assert other_form("onnx") == "onnx"
    assert other_form("keras") is None


def test_a_quantisation_that_a_format_has_not_is_refused() -> None:
    with pytest.raises(InputError, match="OpenVINO is written with float16 here") as refused:
        check_other("openvino", "int8")
    assert str(refused.value).endswith("int8 is offered by ONNX and LiteRT")
