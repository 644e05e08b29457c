"""A run asks no file twice about the same images."""

from collections import Counter
from typing import Any

import pytest

from mnist_resnet.evaluation import session, validation_split
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.storage.digests import digest_of_array
from tests.integration.conftest import Project

pytestmark = [pytest.mark.integration]


def test_no_file_classifies_the_same_images_twice_in_a_run(squares: Project, monkeypatch) -> None:
    load, probabilities = session._load, session.Session.probabilities
    contents: dict[int, str] = {}
    opened: list[Any] = []  # so that none is forgotten and another gets its number
    asked: Counter[tuple[str, str, int]] = Counter()

    def noted_load(model: bytes, *options: Any) -> Any:
        opened.append(load(model, *options))
        _, _, optimized, *_ = options
        contents[id(opened[-1])] = f"{sha256_of_bytes(model)} optimized {optimized}"
        return opened[-1]

    def noted_probabilities(self: session.Session, images: Any, batch_size: int) -> Any:
        asked[contents[id(self.inference)], digest_of_array(images), batch_size] += 1
        return probabilities(self, images, batch_size)

    monkeypatch.setattr(validation_split, "_known", {})  # of other tests' runs in this process
    monkeypatch.setattr(session, "_load", noted_load)
    monkeypatch.setattr(session.Session, "probabilities", noted_probabilities)
    squares.run(pipeline_names=["training"], namespaces=["squares"])
    assert len(asked) > 40  # perturbed images of two parts, and those that decide on variants
    # The weakest shift is one pixel of 28, which leaves images of 8 pixels as they are: the validation images again.
    assert sorted(count for count in asked.values() if count > 1) == [2], asked
