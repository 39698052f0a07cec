"""What users of a service call what lies on its machine: in files, in JSON and in messages."""

import pytest

from hpsearch.errors import NoTrialError, UnreachableError
from hpsearch.naming import given, named, tell, telling, told
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe

NAMES = {
    "/opt": "", "/opt/a&\"b/t.csv": "a&\"b/t.csv", "/srv/home": "HOME",
    "/x/secret.csv": "secret.csv", "/opt/data": "./data",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/opt/sub/x.csv, /opt/y.csv: wrong", "sub/x.csv, y.csv: wrong"),
        ('path = "/opt"', 'path = "."'),
        ("see /opt.", "see .."),
        ("weights are not in /srv/home/runs/a", "weights are not in HOME/runs/a"),
        ("2 networks in /srv/home", "2 networks in HOME"),
        ("(/x/secret.csv)", "(secret.csv)"),
        ("/opt/data/1.png", "./data/1.png"),
        ('"/opt/a&\\"b/t.csv" is gone', '"a&"b/t.csv" is gone'),
        ("https://ex.org/opt/x.csv", None),
        ("/srv/opt/x.csv", None),
        ("~/opt/x.csv", None),
        ("/option /opt-2/x /opt.d /x/secret.csv.gz", None),
        ("file:///opt/x.csv", None),
        ("é/opt/x", None),
    ],
)
def test_messages_have_names_in_place_of_whole_paths_alone(text: str, said: str | None) -> None:
    assert tell(text, NAMES) == (text if said is None else said)
    assert tell(text, {}) == text


def test_files_have_names_where_places_stand_and_nowhere_else() -> None:
    table = {
        "seed": 0,
        "config": {"network": {"type": "dense", "layers": 1, "units": [8]}},
        "dataset": {"source": "table", "path": "/x/secret.csv", "target": "/x/secret.csv"},
        "provenance": {"study": "/x/secret.csv", "path": "/x/other.csv"},
    }
    recipe = parse(Recipe, table, "recipe")
    found = named(recipe, NAMES)
    assert found.dataset.path == "secret.csv"
    assert found.dataset.target == "/x/secret.csv"
    assert found.provenance == {"study": "/x/secret.csv", "path": "/x/other.csv"}
    assert found.model_dump(exclude_unset=True).keys() == recipe.model_fields_set
    assert named(recipe, {}) is recipe
    assert named([{"file": "/x/secret.csv", "at": "/x/secret.csv"}], NAMES) == [
        {"file": "secret.csv", "at": "/x/secret.csv"}
    ]


def test_in_json_a_place_without_a_name_is_its_last_part() -> None:
    value = {"path": "/y/z.csv", "n": 1, "all": [{"file": "/opt/net.py"}, "at /opt/z"]}
    assert told(value, NAMES) == {"path": "z.csv", "n": 1, "all": [{"file": "net.py"}, "at z"]}


def test_errors_say_names_and_stay_what_they_are() -> None:
    with pytest.raises(NoTrialError, match=r"^none in HOME/a$"), telling(NAMES):
        raise NoTrialError("none in /srv/home/a")
    same = UnreachableError("away")
    with pytest.raises(UnreachableError) as raised, telling(NAMES):
        raise same
    assert raised.value is same


def test_a_command_has_the_names_that_its_service_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given() == {}
    monkeypatch.setenv("HPSEARCH_NAMES", '{"/a": "b"}')
    assert given() == {"/a": "b"}
