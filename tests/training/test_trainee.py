import math

import numpy as np
import pytest

from mnist_resnet.training.trainee import CrossEntropy

CLASSES = 5


def reference(labels, logits, smoothing: float) -> np.ndarray:
    """The loss of each image in float64: -log p of the true class, averaged with that of all classes."""
    logits = logits.astype("float64")
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    true = log_p[np.arange(len(labels)), labels]
    return -((1 - smoothing) * true + smoothing * log_p.mean(axis=1))


@pytest.fixture
def labels() -> np.ndarray:
    return (np.arange(40) % CLASSES).astype("int32")


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, (40, CLASSES)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_each_loss_equals_an_independent_reference(labels, logits, smoothing, shape):
    losses = np.asarray(CrossEntropy(CLASSES, smoothing).call(labels.reshape(shape), logits))
    # Sums of five terms up to ten in float32.
    np.testing.assert_allclose(losses, reference(labels, logits, smoothing), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_a_batch_is_the_mean(labels, logits, smoothing):
    loss = float(CrossEntropy(CLASSES, smoothing)(labels, logits))
    assert loss == pytest.approx(reference(labels, logits, smoothing).mean(), rel=1e-5)


def test_large_logits_do_not_overflow():
    logits = np.array([[1e4, -1e4, 0, 0, 0]], "float32")
    assert float(CrossEntropy(CLASSES, 0.0)(np.array([0]), logits)) == 0
    assert float(CrossEntropy(CLASSES, 0.0)(np.array([1]), logits)) == 2e4


def test_smoothed_labels_are_met_best_by_their_own_probabilities():
    target = np.full(CLASSES, 0.1 / CLASSES) + 0.9 * np.eye(CLASSES)[2]
    best = float(CrossEntropy(CLASSES, 0.1)(np.array([2]), np.log(target)[None].astype("float32")))
    assert best == pytest.approx(-(target * np.log(target)).sum(), rel=1e-6)
    surer = np.log(np.full(CLASSES, 0.001 / CLASSES) + 0.999 * np.eye(CLASSES)[2])[None].astype("float32")
    assert float(CrossEntropy(CLASSES, 0.1)(np.array([2]), surer)) > best
    assert math.isfinite(best)
