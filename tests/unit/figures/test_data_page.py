from html.parser import HTMLParser

from hpsearch.data.tables.look import TargetLook
from hpsearch.figures.data_page import data_page


class Texts(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page(
    *,
    name: str = "cat",
    sheets: tuple[str, ...] = ("Training images",),
    warnings: tuple[str, ...] = (),
) -> str:
    return data_page(
        f"Data: {name}",
        facts={"data": f"folder/{name}"},
        parts=("training", "validation", "test"),
        classes=[(name, (1200, 5, 0)), ("dog", (0, 1, 2))],
        warnings=warnings,
        sheets=dict.fromkeys(sheets, b"png"),
    )


def test_everything_is_on_the_page() -> None:
    found = Texts(page(warnings=("1 of 2 examples are copies",)))
    for text in ("Data: cat", "1,200", "training", "dog", "1 of 2 examples are copies."):
        assert text in found.texts
    assert found.tags.count("img") == 1
    assert 'style="width: 100.0%"' in page()


def test_nothing_is_fetched_and_nothing_runs() -> None:
    made = page()
    assert "default-src 'none'" in made
    assert "http://" not in made
    assert "https://" not in made
    assert 'src="data:image/png;base64,' in made


def test_names_are_texts_and_nothing_else() -> None:
    name = '<script>alert("x")</script>&amp;'
    found = Texts(page(name=name, warnings=(name,)))
    assert "script" not in found.tags
    assert name in "".join(found.texts)


def test_without_pictures_there_is_no_heading_for_them() -> None:
    found = Texts(page(sheets=()))
    assert "img" not in found.tags
    assert "Training images" not in found.texts


def test_a_class_without_training_examples() -> None:
    made = data_page(
        "t", facts={}, parts=("training",), classes=[("cat", (0,))], warnings=(), sheets={}
    )
    assert "width: 0.0%" in made


def test_augmented_images_stand_below_the_others() -> None:
    found = Texts(page(sheets=("Training images", "The same images augmented")))
    first, second = (
        found.texts.index(text) for text in ("Training images", "The same images augmented")
    )
    assert first < second
    assert found.tags.count("img") == 2


def test_columns_and_target_are_texts_and_nothing_else() -> None:
    name = "<script>&"
    look = TargetLook(
        name=name, low=0, quartiles=(1, 2, 3), high=4, mean=2, deviation=1, skewness=0,
        counts=(1200, 4), edges=(0, 2, 4),
    )  # fmt: skip
    made = data_page(
        "t", facts={}, parts=(), classes=(), warnings=(), sheets={},
        heads=("column", "values"), columns=[(name, f"{name} 37 %")], target=look,
    )  # fmt: skip
    found = Texts(made)
    assert "script" not in found.tags
    assert name in found.texts
    assert f"{name} 37\N{NO-BREAK SPACE}%" in found.texts
    assert f"Examples of the training split by {name}" in found.texts
    assert "The highest bar stands for 1,200 examples." in found.texts
    assert "Classes" not in found.texts
