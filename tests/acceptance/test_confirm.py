"""``hpsearch confirm``: runs with new seeds through the workers of a search.

What comes of real trainings is a part of the story (test_story.py); here workers train without
TensorFlow.
"""

import json

import forked
from commandline import Cli
from made import make_runs, make_study, noisy
from pages import Sections


def test_what_is_confirmed_is_not_trained_again_and_goes_with_its_study(cli: Cli) -> None:
    cli.train_quickly()
    file = cli.study_file(trials=3)
    file.write_text(file.read_text() + "\n[baseline]\nlayers = 1\nunits = 4\n")
    make_study(cli, file)
    forked.run(cli, "confirm", "small", "--top", "1", "--seeds", "2", "--workers", "1")
    runs = cli.rows("small.confirm")
    assert [run["state"] for run in runs] == ["complete"] * 4
    again = cli("confirm", "small", "--top", "1", "--seeds", "2", process=False)
    assert "new runs: 0." in again.stderr
    assert "is confirmed: it has the best mean (val_accuracy" in again.stdout
    assert cli.rows("small.confirm") == runs
    cli("delete", "small", "--yes")
    assert "not found" in cli("show", "small.confirm", code=2).stderr
    assert not (cli.home / "runs" / "small.confirm").exists()


def test_the_first_by_its_mean_wins_and_the_smallest_where_it_is_wanted(cli: Cli) -> None:
    make_study(cli, cli.study_file(trials=6), noisy)
    make_runs(cli)
    shown = cli("confirm", "small", "--seeds", "3", process=False)
    assert "new runs: 0." in shown.stderr
    found = cli.json("confirm", "small", "--seeds", "3", process=False)
    first, smallest = found["candidates"][0], found["smallest"]
    assert found["winner"] == first["of"] != smallest
    assert (found["chosen"], first["behind"]) == ("first", None)
    sizes = {one["of"]: one["parameters"] for one in found["candidates"]}
    assert sizes[smallest] == min(sizes[of] for of in found["tied"]) < first["parameters"]
    assert f"Trial {first['of']} is confirmed: it has the best mean" in shown.stdout
    assert f"The smallest of these networks is trial {smallest}:" in shown.stdout
    assert cli.json("show", "small")["confirmed"]["of"] == first["of"]

    anew = cli(
        "confirm", "small", "--smallest", process=False
    )  # of those confirmed before: nothing is trained
    assert "new runs: 0." in anew.stderr
    assert f"Trial {smallest} is confirmed: it is the smallest network that" in anew.stdout
    assert f"trial {smallest}, " in cli("show", "small").stdout
    assert cli.json("show", "small")["confirmed"]["chosen"] == "smallest"
    hinted = cli("export", "small", "-o", "best.json").stderr
    assert (
        "Study small has a confirmed winner, too: --confirmed (from Python: confirmed=True)"
        in hinted
    )
    written = cli("export", "small", "--confirmed", "-o", "winner.json").stdout
    assert "the smallest that the seeds cannot tell from the first" in written
    provenance = json.loads((cli.folder / "winner.json").read_text())["provenance"]
    assert (provenance["trial"], provenance["confirmed_as"]) == (int(smallest), "smallest")
    cli("report", "small", "-o", "small.html")
    page = Sections((cli.folder / "small.html").read_text())
    text = " ".join(page.texts["answer"].split())
    assert f"Confirmed: trial {smallest}" in text
    assert f"cannot tell from trial {first['of']}, the first by its mean" in text

    assert cli.json("confirm", "small", "--first", process=False)["winner"] == first["of"]
    assert len(cli.rows("small.confirm")) == 9
    assert (
        cli.json("confirm", "small", "--seeds", "3", "--smallest", process=False)["winner"]
        == smallest
    )


def test_what_cannot_be_is_said(cli: Cli) -> None:
    make_study(cli)
    assert "not found" in cli("confirm", "other", code=2).stderr
    assert "--seeds" in cli("confirm", "small", "--seeds", "1", code=2).stderr
    assert "--workers" in cli("confirm", "small", "--workers", "many", code=2).stderr
