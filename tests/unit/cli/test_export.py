"""What is told of a model that was exported."""

from pathlib import Path
from typing import Any

from hpsearch.cli.export import _compared
from hpsearch.services.forms import WrittenModel


def test_a_model_says_what_lies_beside_it_and_how_it_compared() -> None:
    classes, signature = Path("a.classes.json"), Path("a.signature.json")
    facts: dict[str, Any] = {"largest": 1e-7, "examples": 1000, "are_real": True}
    assert _compared(WrittenModel(classes=classes, signature=None, **facts)) == (
        "the names of its classes to a.classes.json. Its probabilities on 1,000 validation examples"
        " differ from the network's by at most 1.0e-07"
    )
    table = _compared(WrittenModel(classes=classes, signature=signature, **facts))
    assert "to a.classes.json and what it takes and gives to a.signature.json. Its prob" in table
    regression = _compared(WrittenModel(classes=None, signature=signature, **facts))
    assert regression.startswith("what it takes and gives to a.signature.json. Its predictions on")
    assert regression.endswith("by at most 1.0e-07 of the target's range")
