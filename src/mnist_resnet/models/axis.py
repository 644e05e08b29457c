"""Where kernel and image meet, along one axis of a convolution or a pooling with ``same`` padding.

A *place* is one of the output, a *tap* one of the kernel.
"""

from typing import NamedTuple


class Axis(NamedTuple):
    """The height or the width: of the image and of the kernel or window, and the stride."""

    image: int
    kernel: int
    stride: int

    @property
    def places(self) -> int:
        """Of the output."""
        return -(-self.image // self.stride)

    @property
    def margins(self) -> tuple[int, int]:
        """How much of the padding comes before the image, the smaller half, and how much behind it."""
        both = max((self.places - 1) * self.stride + self.kernel - self.image, 0)
        return both // 2, both - both // 2

    @property
    def before(self) -> int:
        """How much of the padding comes before the image."""
        return self.margins[0]

    def at_place(self, place: int) -> tuple[slice, slice]:
        """Which part of the image meets which part of the kernel in one place of the output."""
        first = place * self.stride - self.before
        image = slice(max(first, 0), min(first + self.kernel, self.image))
        return image, slice(image.start - first, image.stop - first)

    def of_tap(self, tap: int) -> tuple[slice, int]:
        """In which places of the output a tap meets the image, and where it does in the first of them."""
        first = max(-(-(self.before - tap) // self.stride), 0)
        end = min((self.image - 1 + self.before - tap) // self.stride + 1, self.places)
        return slice(first, max(first, end)), first * self.stride + tap - self.before
