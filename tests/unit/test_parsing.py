"""The words in which a wrong value is explained."""

import math
from typing import Annotated

import pytest
from pydantic import Strict

from hpsearch.errors import InputError
from hpsearch.fields import Bool, Positive, Seconds, Section, Seed, StudyName
from hpsearch.parsing import parse


class Inner(Section):
    """A section inside another."""

    size: Positive = 1
    names: tuple[str, ...] = ()


class Example(Section):
    """One field of each kind."""

    number: Positive = 1
    real: Annotated[float, Strict()] = 0.0
    switch: Bool = False
    seed: Seed = 0
    wait: Seconds | None = None
    name: StudyName = "a"
    inner: Inner = Inner()


def refusal(**values: object) -> str:
    with pytest.raises(InputError) as caught:
        parse(Example, values, "here")
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"number": True}, "number = true has the wrong type; write a whole number"),
        ({"number": 3.0}, "number = 3.0 has the wrong type; write a whole number"),
        ({"number": "3"}, 'number = "3" has the wrong type; write a whole number'),
        ({"number": None}, "number = null has the wrong type; write a whole number"),
        ({"real": True}, "real = true has the wrong type; write a number"),
        ({"real": math.nan}, "real = NaN is not finite; write a finite number"),
        ({"real": -math.inf}, "real = -Infinity is not finite; write a finite number"),
        ({"switch": 1}, "switch = 1 has the wrong type; write true or false"),
        ({"switch": "true"}, 'switch = "true" has the wrong type; write true or false'),
        ({"seed": -1}, "seed = -1 is out of range; write a value of at least 0"),
        ({"seed": 2**31}, "seed = 2147483648 is out of range; write a value below 2147483648"),
        ({"name": 3}, "name = 3 has the wrong type; write a text in quotes"),
        ({"inner": 3},
         "inner = 3 has the wrong type; write a table: [inner] or { size = 1, names = [] }"),
        ({"inner": {"size": 0}}, "inner.size = 0 is out of range; write a value of at least 1"),
        ({"numbre": 3},
         ("numbre: unknown key; did you mean number?"
          " known: inner, name, number, real, seed, switch, wait")),
        ({"inner": {"sice": 3}}, "inner.sice: unknown key; did you mean size? known: names, size"),
        ({"inner": {"seed": 3}},
         ("inner.seed: unknown key; seed does not belong in inner;"
          " move it to the top, above the first [table]")),
        ({"inner": {"names": ["a", 3]}},
         "inner.names[1] = 3 has the wrong type; write a text in quotes"),
        ({"inner": {"names": "a"}},
         'inner.names = "a" has the wrong type; write a list in square brackets'),
        ({"inner": {"<on>": 1}}, 'inner."<on>": unknown key; known: names, size'),
        ({"inner": {"a b\x9b": 1}}, 'inner."a b\\x9b": unknown key; known: names, size'),
    ],
)  # fmt: skip
def test_a_problem_is_told_with_key_value_and_cure(values: dict[str, object], message: str) -> None:
    assert refusal(**values) == f"here: {message}"


def test_each_problem_has_a_line_of_its_own_and_stands_once() -> None:
    lines = refusal(number="a", real="b", inner={"names": [1, 1]}).splitlines()
    assert [line.split()[1] for line in lines] == [
        "number",
        "real",
        "inner.names[0]",
        "inner.names[1]",
    ]


def test_a_whole_number_is_a_real_number() -> None:
    assert parse(Example, {"real": 3}, "here").real == 3.0


def test_a_number_too_large_for_a_float_is_refused() -> None:
    assert refusal(real=10**400).startswith("here: real = 1000")


def test_of_many_problems_the_first_are_explained() -> None:
    said = refusal(**{f"key{n}": n for n in range(5000)}).splitlines()
    assert said[0].startswith("here: key0: unknown key")
    assert (len(said), said[-1]) == (101, "here: has 4900 more such problems")
