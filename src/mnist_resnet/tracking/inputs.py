"""The parts of a data set as inputs of an MLflow run."""

import json
from collections.abc import Mapping

from mnist_resnet.config import Dataset, HttpsSource
from mnist_resnet.tracking.operations import LogInput

# By the part's name in the catalog; MLflow's own words for what a run uses it for.
CONTEXTS = {"train": "training", "validation": "validation", "test": "testing"}
# MLflow holds 36 characters; 32 are 128 bits.
_DIGITS = 32


def describe_input(namespace: str, dataset: Dataset, part: str, images: int, digests: Mapping[str, str]) -> LogInput:
    """Describe a part of a data set by what provenance says of it.

    Args:
        namespace: The data set's name.
        dataset: Its size, classes and sources.
        part: ``train``, ``validation`` or ``test``.
        images: How many it has.
        digests: SHA-256 of its arrays, by ``<part>_images`` and ``<part>_labels``.

    Returns:
        The input. Its digest is the beginning of the images' SHA-256; the profile has both as a whole.
    """
    web = [source.url for source in dataset.sources if isinstance(source, HttpsSource)]
    profile = {"images": images, "height": dataset.image_size[0], "width": dataset.image_size[1]}
    profile |= {"classes": len(dataset.class_names)}
    return LogInput(
        name=namespace,
        digest=digests[f"{part}_images"][:_DIGITS],
        context=CONTEXTS[part],
        source_type="http" if web else "local",
        source=json.dumps({"url": web[0]} if web else {"uri": f"data/01_raw/{namespace}"}),
        profile=json.dumps({**profile, **{f"sha256 of {name}": digest for name, digest in sorted(digests.items())}}),
    )
