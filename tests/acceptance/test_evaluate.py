"""What cannot be evaluated; what can is a part of the story (test_story.py)."""

from commandline import Cli
from made import make_study


def test_what_cannot_be_evaluated_is_said(cli: Cli) -> None:
    make_study(cli)  # by a trainer that keeps no weights
    assert "not found" in cli("evaluate", "other", code=2).stderr
    assert "nothing is confirmed yet" in cli(
        "export", "small", "--confirmed", "-o", "a.toml", code=2
    ).stderr  # fmt: skip
    refused = cli("evaluate", "small", code=2).stderr
    assert "nothing is confirmed" in refused
    assert "best.weights.h5: does not exist" in refused
    assert cli.json("show", "small")["test_openings"] == []  # refused before it was opened
    cli("confirm", "small", "--top", "1", "--seeds", "2", "--workers", "0", code=2)
    assert "give small instead" in cli("evaluate", "small.confirm", code=2).stderr
