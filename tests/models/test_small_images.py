from itertools import product

import pytest

from mnist_resnet.models.small_images import Axis


@pytest.mark.parametrize("axis", [Axis(*each) for each in product(range(1, 9), range(1, 5), range(1, 5))], ids=str)
def test_places_and_taps_meet_the_image_where_same_padding_puts_them(axis):
    # TensorFlow's definition: as many places as strides begin in the image; the smaller half of the padding first.
    places = (axis.image + axis.stride - 1) // axis.stride
    padding = max((places - 1) * axis.stride + axis.kernel - axis.image, 0)
    meeting = {
        (place, tap, position)
        for place, tap in product(range(places), range(axis.kernel))
        if 0 <= (position := place * axis.stride + tap - padding // 2) < axis.image
    }
    assert axis.places == places
    by_place = set()
    for place in range(places):
        image, kernel = axis.at_place(place)
        positions, taps = range(image.start, image.stop), range(kernel.start, kernel.stop)
        by_place |= {(place, tap, position) for tap, position in zip(taps, positions, strict=True)}
    assert by_place == meeting
    by_tap = set()
    for tap in range(axis.kernel):
        met, first = axis.of_tap(tap)
        by_tap |= {(place, tap, first + step * axis.stride) for step, place in enumerate(range(met.start, met.stop))}
    assert by_tap == meeting
