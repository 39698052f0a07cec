"""``hpsearch data`` through the command line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from commandline import Cli
from PIL import Image

STUDY = """\
name = "mine"
[dataset]
source = "{source}"
path = "data"
[space]
"""


def pictures(cli: Cli) -> Path:
    """A study of two classes of pictures, one of them rare, with a copy in the test part."""
    for part, counts in {"train": {"cat": 40, "dög": 12}, "test": {"cat": 3, "dög": 3}}.items():
        for name, count in counts.items():
            folder = cli.folder / "data" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                colour = (index * 5, 0 if name == "cat" else 255, 0 if part == "train" else 9)
                Image.new("RGB", (6, 4), colour).save(folder / f"{index:03d}.png")
    train, test = (cli.folder / "data" / part / "cat" / "000.png" for part in ("train", "test"))
    shutil.copyfile(train, test)
    file = cli.folder / "mine.toml"
    file.write_text(STUDY.format(source="image_folder"))
    return file


def test_data_are_shown_listed_and_cleared(cli: Cli) -> None:
    file = pictures(cli)
    shown = cli("data", file)
    for part in ("4 x 6 x 3 uint8", "0 to 255", "dög", "47 of 52", "fingerprint"):
        assert part in shown.stdout
    assert "warning: 1 of 6 test examples also occur in the training split" in shown.stderr
    assert "warning: imbalanced classes: 36 training examples" in shown.stderr
    page = Path(shown.stdout.split("page: ")[1].strip())
    assert "data:image/png;base64," in page.read_text()

    told = cli.json("data", file, "-o", "samples.png")
    with Image.open(cli.folder / "samples.png") as sheet:
        assert sheet.width > 400
    assert told["page"] == "samples.png"
    assert told["per_class"] == [
        {"name": "cat", "training": 36, "validation": 4, "test": 3},
        {"name": "dög", "training": 11, "validation": 1, "test": 3},
    ]
    assert (told["train"], told["validation"], told["test"]) == (47, 5, 6)
    assert (told["copies"]["test"], told["test_split"]) == (1, "given")
    assert len(told["warnings"]) == 2

    (listed,) = cli.json("data")
    assert listed["fingerprint"] == told["fingerprint"]
    assert str(cli.folder / "data") in cli("data").stdout
    assert "Removed 1 imported" in cli("data", "--clear", file).stdout
    assert "Removed 0 imported" in cli("data", "--clear").stdout
    assert "No data are imported" in cli("data").stdout
    assert cli.json("data") == []


def test_data_of_vectors_have_a_page_without_pictures(cli: Cli) -> None:
    random = np.random.default_rng(0)
    np.savez(cli.folder / "data", x_train=random.normal(size=(60, 5)), y_train=np.arange(60) % 3)
    file = cli.folder / "mine.toml"
    file.write_text(STUDY.format(source="npz").replace('"data"', '"data.npz"\nscale = "none"'))
    told = cli.json("data", file, "-o", "page.html")
    assert (told["test_split"], told["test"], told["input_shape"]) == ("taken", 12, [5])
    assert "data:image/png" not in (cli.folder / "page.html").read_text()
    refused = cli("data", file, "-o", "page.png", code=2)
    assert "not images; use .html" in refused.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("data gone.toml", "gone.toml: file not found"),
        ("data -o page.html", "hpsearch data FILE"),
        ("data --set seed=1", "hpsearch data FILE"),
        ("data --clear --json", "leave out -o and --json"),
        ("data small.toml -o page.pdf", ".html or .png"),
        ("data small.toml --set dataset.path=x", "built in"),
    ],
)
def test_wrong_calls(cli: Cli, line: str, says: str) -> None:
    cli.study_file()
    done = cli(*line.split(), code=2)
    assert says in done.stderr
    assert done.stdout == ""


def test_data_of_a_table_are_shown_by_column(cli: Cli) -> None:
    random = np.random.default_rng(0)
    columns = {f"c{i}": random.normal(size=200) for i in range(54)}
    columns |= {"same": np.ones(200), "y": np.exp(2 * random.normal(size=200))}
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    (cli.folder / "t.csv").write_text("\n".join(lines))
    file = cli.folder / "mine.toml"
    file.write_text(STUDY.format(source="table").replace('"data"', '"t.csv"\ntarget = "y"'))
    shown = cli("data", file)
    for part in ("55 columns: 55 numbers", "y, regression", " c49 ", "median"):
        assert part in shown.stdout
    assert "c50" not in shown.stdout
    assert "5 more columns are on the page, and in --json." in shown.stderr
    assert 'warning: column "same" has one value in all training rows' in shown.stderr
    assert "consider dataset.log_target = true" in shown.stderr
    assert "are not scaled" not in shown.stderr
    assert ">c53</th>" in Path(shown.stdout.split("page: ")[1].strip()).read_text()
    told = cli.json("data", file)
    assert (len(told["columns"]), told["task"], told["classes"]) == (55, "regression", 0)
