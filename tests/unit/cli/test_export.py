"""What is told of a model that was exported."""

from pathlib import Path
from typing import Any

from hpsearch.cli.export import _compared
from hpsearch.services.forms import WrittenModel
from hpsearch.training.other_formats import Quantized


def test_a_model_says_what_lies_beside_it_and_how_it_compared() -> None:
    classes, signature = Path("a.classes.json"), Path("a.signature.json")
    facts: dict[str, Any] = {
        "largest": 1e-7, "examples": 1000, "are_real": True, "are_probabilities": True
    }  # fmt: skip
    assert _compared(WrittenModel(classes=classes, signature=None, **facts)) == (
        "the names of its classes to a.classes.json. Its probabilities on 1,000 validation examples"
        " differ from the network's by at most 1.0e-07"
    )
    table = _compared(WrittenModel(classes=classes, signature=signature, **facts))
    assert "to a.classes.json and what it takes and gives to a.signature.json. Its prob" in table
    facts["are_probabilities"] = False
    regression = _compared(WrittenModel(classes=None, signature=signature, **facts))
    assert regression.startswith("what it takes and gives to a.signature.json. Its predictions on")
    assert regression.endswith("by at most 1.0e-07 of the target's range")


def test_a_model_for_another_tool_says_what_quantising_cost_or_that_it_was_not_compared() -> None:
    facts: dict[str, Any] = {
        "classes": None, "signature": Path("a.onnx.signature.json"), "examples": 1000,
        "are_real": True, "are_probabilities": True,
    }  # fmt: skip
    quantized = Quantized(
        to="int8",
        metric="accuracy",
        before=0.98,
        after=0.975,
        bytes_before=4_000_000,
        bytes_after=1_100_000,
        examples=4321,
    )
    said = _compared(WrittenModel(largest=0.02, quantized=quantized, **facts), "onnx")
    assert said == (
        "what it takes and gives to a.onnx.signature.json. Its probabilities on 1,000 validation"
        " examples differ from the network's by at most 2.0e-02. In int8 its accuracy on 4,321"
        " validation examples is 0.97500, in float32 0.98000; it takes 1.1 MB, in float32 4.0 MB"
    )
    said = _compared(WrittenModel(largest=None, **facts), "litert")
    assert said.endswith(
        ". It was not compared: LiteRT is not installed (pip install 'hpsearch[litert]')"
    )
