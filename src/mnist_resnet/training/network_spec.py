"""What a network is built from and how it is trained, on this machine or on others; imports no Keras by itself."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_resnet.config import ModelParameters, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.training.events import History

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class NetworkSpec:
    """What a network is built from; see ``build_network``."""

    model: ModelParameters
    preprocessing: Preprocessing
    image_size: tuple[int, int]
    classes: int

    def build(self) -> "keras.Model":
        """The network, untrained."""
        from mnist_resnet.models.resnet import build_network

        return build_network(self.model, self.preprocessing, self.image_size, self.classes)

    def resized(self, size: tuple[int, int]) -> "NetworkSpec":
        """What a network of the same weights is built from, for images that are resized to another size, in pixels."""
        return replace(self, preprocessing=replace(self.preprocessing, method="resize", size=size))

    def train(
        self, split: Split, parameters: TrainingParameters, title: str, checkpoint: Path | None
    ) -> tuple["keras.Model", History]:
        """Build the network and train it; see ``fit.train``."""
        from mnist_resnet.training.fit import train

        network = self.build()
        small = self.resized(parameters.small_size).build() if parameters.small_epochs else None
        return network, train(network, split, parameters, title, checkpoint, small_network=small)
