"""Sizes: what a preset's names stand for."""

import pytest

from hpsearch.presets.sizes import Sizes


@pytest.mark.parametrize(
    ("rows", "width", "depth", "batch", "epochs"),
    [
        (1, 256, 3, 16, 100),
        (150, 256, 3, 16, 100),
        (1000, 512, 3, 32, 100),
        (4000, 512, 4, 64, 100),
        (50_000, 512, 4, 256, 100),
        (250_000, 512, 4, 512, 61),
        (10_000_000, 512, 4, 1024, 20),
    ],
)
def test_sizes_follow_from_the_rows(
    rows: int, width: int, depth: int, batch: int, epochs: int
) -> None:
    sizes = Sizes(rows=rows)
    assert (sizes.width, sizes.depth, sizes.batch, sizes.epochs) == (width, depth, batch, epochs)


@pytest.mark.parametrize(
    ("rows", "pixels", "width", "filters", "blocks", "move"),
    [
        (300, 8, 256, 32, 2, 1),
        (1294, 8, 512, 32, 2, 1),
        (5000, 28, 1024, 64, 3, 2),
        (45_000, 32, 1024, 64, 4, 3),
        (45_000, 1, 1024, 64, 1, 1),
    ],
)
def test_sizes_of_images_follow_from_their_number_and_their_pixels(  # noqa: PLR0917
    rows: int, pixels: int, width: int, filters: int, blocks: int, move: int
) -> None:
    sizes = Sizes(rows=rows, pixels=pixels)
    assert (sizes.width, sizes.filters) == (width, filters)
    assert (sizes.blocks, sizes.move) == (blocks, move)
