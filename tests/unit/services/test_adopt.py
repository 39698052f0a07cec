"""What is said where nothing of an Optuna study fits."""

from pathlib import Path

from hpsearch.search.adoption import Adoption
from hpsearch.services.adopt import _nothing_fits


def said(nameless: tuple[str, ...], missing: tuple[str, ...]) -> str:
    left = {"python.width: missing": (0, 1)}
    found = Adoption(source="theirs", fitting=(), left=left, nameless=nameless, missing=missing)
    return _nothing_fits(found, Path("mine.toml"))


def test_names_that_end_the_same_are_suggested() -> None:
    text = said(("lr", "width", "my rate"), ("python.width", "python.my rate", "adam.beta_1"))
    assert "2 trials: python.width: missing\nwithout a name here: lr, width, my rate; " in text
    assert "without one there: python.width, python.my rate, adam.beta_1\n" in text
    assert (
        "--rename width=python.width --rename 'my rate=python.my rate' (--rename THEIRS= " in text
    )


def test_a_name_that_might_be_several_is_not_suggested() -> None:
    text = said(("rate",), ("adam.rate", "sgd.rate"))
    assert "without a name here: rate; without one there: adam.rate, sgd.rate" in text
    assert "--rename THEIRS=OURS" in text
    assert "without a name" not in said((), ("python.width",))
