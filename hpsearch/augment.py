"""Augment: how images are changed at random whenever training sees them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, Strict

from hpsearch.fields import Bool
from hpsearch.networks.network import Shape, described, is_image, of_array
from hpsearch.searchable import Searchable

Pixels = Annotated[int, Strict(), Field(ge=0, le=256)]
Alpha = Annotated[float, Strict(), Field(ge=0.0, le=10.0)]


class Augment(Searchable):
    """Random changes of training images, anew in every epoch; validation and test see none.

    What is done to an example follows from the seed, the epoch and the example alone.
    """

    flip: Bool = False
    """Mirror half of the images from left to right; not for digits and letters."""
    translate: Pixels = 0
    """Move images by up to so many pixels each way; what comes in mirrors what is beside it."""
    cutout: Pixels = 0
    """Height and width of a square that is grey in every image (DeVries & Taylor, 2017)."""
    mixup: Alpha = 0.0
    """Mix each image and its label with another's; shares by Beta(x, x) (Zhang et al., 2018)."""

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return self != Augment()

    def refusal(self, shape: Shape) -> str:
        """Why examples cannot be augmented, with the cure; empty: they can.

        Args:
            shape: of an example.
        """
        if not self.is_on:
            return ""
        if not is_image(shape):
            return (
                f"augment changes images, but an example {described(shape)}; take it out, or"
                " reshape the arrays"
            )
        height, width, *_ = of_array(shape)
        for name, pixels in (("translate", self.translate), ("cutout", self.cutout)):
            if pixels >= min(height, width):
                return (
                    f"augment.{name} = {pixels} leaves nothing of an image of {height} ×"
                    f" {width}; write at most {min(height, width) // 2}"
                )
        return ""

    def summary(self) -> list[str]:
        """The words of a short line: "flip", "move 4", "cut 8", "mixup 0.2"."""
        words = ["flip"] if self.flip else []
        words += [f"move {self.translate}"] if self.translate else []
        words += [f"cut {self.cutout}"] if self.cutout else []
        return words + ([f"mixup {self.mixup:.2g}"] if self.mixup else [])


def may_mirror(class_names: Sequence[str]) -> bool:
    """Whether the mirror images of examples may be of the same classes.

    Numbers and single characters are most likely names of digits and letters.
    """
    return not class_names or any(len(name) > 1 and not name.isdecimal() for name in class_names)
