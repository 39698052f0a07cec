"""A run compares its networks with models of scikit-learn: once for a study, and told by all."""

from dataclasses import replace

from commandline import Cli


def test_a_run_compares_with_other_models_once(cli: Cli) -> None:
    cli.train_quickly()
    file = cli.study_file(trials=1, epochs=1)
    alone = cli("run", file, "--workers", "1")  # which has --no-reference
    assert "comparison" not in alone.stdout + alone.stderr
    assert cli.json("show", "small")["reference"] is None
    comparing = replace(cli, compares=True)
    done = comparing("run", file, "--workers", "1")
    told = "for comparison: gradient-boosted trees (scikit-learn's defaults): accuracy 0."
    assert "Training models of scikit-learn for comparison." in done.stderr
    assert told in " ".join(done.stdout.split())
    found = cli.json("best", "small")["reference"]
    assert [one["name"] for one in found] == ["trees", "linear"]
    assert 0.9 < found[0]["values"]["val_accuracy"] < 1
    again = comparing("run", file, "--trials", "2", "--workers", "1")
    assert "Training models" not in again.stderr
    assert cli.json("show", "small")["reference"] == found
    cli("report", "small")
    assert "Gradient-boosted trees with scikit-learn" in (cli.folder / "small.html").read_text()
