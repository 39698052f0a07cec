"""A trial's curves as a picture."""

import io
import math
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from hpsearch.figures.curve_image import curve_image

CURVES = {
    "accuracy": [0.5, 0.6, 0.7],
    "val_accuracy": [0.4, 0.5, 0.45],
    "loss": [1.0, 0.8, 0.7],
    "val_loss": [1.1, math.nan, math.inf],
    "learning_rate": [0.1, 0.1, 0.01],
}


def drawn(content: bytes) -> tuple[int, int]:
    """The size of a PNG in which something is drawn."""
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG"
    assert len(picture.convert("RGB").getcolors(2**20) or []) > 10
    return picture.size


def test_all_curves_make_a_higher_picture_than_one() -> None:
    width, high = drawn(curve_image([1, 2, 3], CURVES, "study, trial 1", 2))
    one = {"val_accuracy": CURVES["val_accuracy"]}
    width_of_one, high_of_one = drawn(curve_image([1, 2, 3], one, "study, trial 1", None))
    assert width_of_one == width
    assert high_of_one < high


def test_one_epoch_and_none() -> None:
    drawn(curve_image([1], {"val_accuracy": [0.5]}, "t", 1))
    drawn(curve_image([], {"val_accuracy": []}, "t", None))
    drawn(curve_image([], {}, "only a title", None))


def test_a_title_is_no_formula() -> None:
    one = {"val_accuracy": [0.5]}
    drawn(curve_image([1], one, r"a $\frac{$ b $x^$ study", None))


def test_what_is_drawn_is_what_is_given() -> None:
    rising, falling = ({"val_accuracy": values} for values in ([0.1, 0.9], [0.9, 0.1]))
    picture = curve_image([1, 2], rising, "t", 1)
    assert picture != curve_image([1, 2], falling, "t", 1)
    assert picture != curve_image([1, 2], rising, "t", 2)
    assert picture == curve_image([1, 2], rising, "t", 1)


def test_many_may_look_at_once() -> None:
    alone = curve_image([1, 2, 3], CURVES, "t", 2)
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: curve_image([1, 2, 3], CURVES, "t", 2), range(4))
        assert all(content == alone for content in made)


def test_a_value_of_the_users_own_has_a_panel_of_its_own() -> None:
    whole = {"epoch": [1, 2, 3], "seconds": [1, 1, 1], **CURVES}
    _, without = drawn(curve_image([1, 2, 3], whole, "study, trial 1", 2))
    _, high = drawn(curve_image([1, 2, 3], {**whole, "val_top3": [1, 2, 3]}, "study, trial 1", 2))
    assert high > without
