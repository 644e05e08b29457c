import numpy as np
import pytest

from mnist_resnet.evaluation.perturbations import PERTURBATIONS, perturb

SEED = 7
EVERY = [(name, strength) for name, perturbation in PERTURBATIONS.items() for strength in perturbation.strengths]


@pytest.fixture
def noisy() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)


@pytest.fixture
def points() -> np.ndarray:
    """One bright pixel in the middle of each of 200 black images."""
    images = np.zeros((200, 28, 28), np.uint8)
    images[:, 14, 14] = 200
    return images


def difference(images: np.ndarray, perturbed: np.ndarray) -> float:
    return float(np.abs(images.astype(int) - perturbed).mean())


@pytest.mark.parametrize(("name", "strength"), EVERY)
def test_equal_arguments_give_equal_images(noisy, name, strength):
    before = noisy.copy()
    perturbed = perturb(noisy, name, strength, SEED)
    assert (perturbed.dtype, perturbed.shape) == (np.uint8, noisy.shape)
    np.testing.assert_array_equal(perturbed, perturb(noisy, name, strength, SEED))
    np.testing.assert_array_equal(noisy, before)
    assert difference(noisy, perturbed) > 0


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_more_strength_changes_more(made_data, name):
    # Smooth images: those of noise alone differ as much after a shift of one pixel as of four.
    images = perturb(np.kron(made_data.arrays["test_images"], np.ones((4, 4), np.uint8)), "blur", 2, SEED)
    differences = [
        difference(images, perturb(images, name, strength, SEED)) for strength in PERTURBATIONS[name].strengths
    ]
    assert differences == sorted(differences)
    assert len(set(differences)) == len(differences)


@pytest.mark.parametrize("name", ["shift", "rotation", "noise", "occlusion"])
def test_another_seed_gives_other_images(noisy, name):
    strength = PERTURBATIONS[name].strengths[-1]
    assert difference(perturb(noisy, name, strength, 1), perturb(noisy, name, strength, 2)) > 0


@pytest.mark.parametrize(
    "shape", [(5, 8, 8), (1, 28, 28), (3, 20, 32), (2, 64, 64), (3, 16, 64), (2, 1, 28), (2, 28, 1)]
)
@pytest.mark.parametrize(("name", "strength"), EVERY)
def test_other_sizes_and_few_images_are_taken(name, strength, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert perturb(images, name, strength, SEED).shape == shape


@pytest.mark.parametrize(("width", "pixels", "expected"), [(28, 1, 1), (28, 4, 4), (56, 2, 4), (14, 2, 1)])
def test_a_shift_goes_by_its_distance_in_four_directions(width, pixels, expected):
    images = np.zeros((200, width, width), np.uint8)
    images[:, width // 2, width // 2] = 200
    places = np.argwhere(perturb(images, "shift", pixels, SEED) == 200)[:, 1:] - width // 2
    assert len(places) == 200
    assert {tuple(place) for place in places.tolist()} == {(expected, 0), (-expected, 0), (0, expected), (0, -expected)}


def test_a_shift_that_is_no_whole_pixel_is_interpolated():
    images = np.zeros((1, 42, 42), np.uint8)
    images[0, 21, 21] = 200
    shifted = perturb(images, "shift", 1, SEED)  # one and a half pixels
    assert sorted(shifted[shifted > 0]) == [100, 100]


def test_a_shift_has_the_same_directions_at_every_strength(points):
    ways = [np.argwhere(perturb(points, "shift", pixels, SEED))[:, 1:] - 14 for pixels in (1, 4)]
    np.testing.assert_array_equal(4 * ways[0], ways[1])


def test_a_rotation_turns_half_of_the_images_each_way():
    images = np.zeros((10, 29, 29), np.uint8)
    images[:, :14, 14] = 255  # a line from the middle to the top
    turned = perturb(images, "rotation", 40, SEED)
    left, right = turned[:, :, :14].sum(axis=(1, 2)), turned[:, :, 15:].sum(axis=(1, 2))
    assert (left > right).sum() == 5
    assert (left < right).sum() == 5


def test_a_quarter_turn_is_exact(noisy):
    images = noisy[:1]
    (turned,) = perturb(images, "rotation", 90, SEED)
    # Grey levels at places that are whole but for the rounding of a sine.
    assert min(np.abs(np.rot90(images[0], turns).astype(int) - turned).max() for turns in (1, 3)) <= 1


def test_noise_has_its_deviation_and_stays_within_the_grey_levels():
    noise = perturb(np.full((20, 28, 28), 128, np.uint8), "noise", 16, SEED) - 128.0
    # 15,680 pixels: the standard error of the deviation is 16 / sqrt(2 * 15,680) = 0.09.
    assert noise.std() == pytest.approx(16, abs=0.4)
    assert noise.mean() == pytest.approx(0, abs=0.6)
    dark = perturb(np.zeros((20, 28, 28), np.uint8), "noise", 64, SEED)
    assert 0.45 < (dark == 0).mean() < 0.55


@pytest.mark.parametrize(("width", "pixels"), [(28, 1), (28, 2), (56, 1)])
def test_blur_is_a_gaussian_of_its_width(width, pixels):
    images = np.zeros((1, width + 1, width), np.uint8)
    images[0, width // 2, :] = 255
    profile = perturb(images, "blur", pixels, SEED)[0, :, width // 2]
    sigma, distance = pixels * width / 28, np.arange(width + 1) - width // 2
    gaussian = 255 * np.exp(-(distance**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    # Half a grey level of rounding; the sum of the samples of a Gaussian is one but for its tail.
    np.testing.assert_allclose(profile, gaussian, atol=0.6)


def test_blur_never_mixes_images():
    images = np.stack([np.zeros((28, 28), np.uint8), np.full((28, 28), 255, np.uint8)])
    np.testing.assert_array_equal(perturb(images, "blur", 2, SEED), images)


def test_contrast_is_scaled_about_the_mean_of_each_image():
    images = np.array([[[0, 100]], [[100, 200]]], np.uint8)
    assert perturb(images, "contrast", 0.4, SEED).tolist() == [[[30, 70]], [[130, 170]]]


@pytest.mark.parametrize(("width", "pixels", "side"), [(28, 4, 4), (28, 12, 12), (56, 4, 8), (8, 12, 3)])
def test_an_occlusion_is_one_black_square_at_many_places(width, pixels, side):
    images = np.full((200, width + 3, width), 9, np.uint8)
    covered = perturb(images, "occlusion", pixels, SEED) == 0
    assert set(covered.sum(axis=(1, 2))) == {side**2}
    assert set(covered.any(axis=1).sum(axis=1)) == {side}
    assert set(covered.any(axis=2).sum(axis=1)) == {side}
    corners = {(int(image.any(axis=1).argmax()), int(image.any(axis=0).argmax())) for image in covered}
    assert len(corners) > 20
    assert max(row for row, _ in corners) == width + 3 - side
    assert max(column for _, column in corners) == width - side
