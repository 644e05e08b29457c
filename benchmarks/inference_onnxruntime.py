"""An ONNX file on onnxruntime's CPU provider, as this project opens it; a contestant of `inference.py`."""

from pathlib import Path

from images import raw_images
from inference_contestant import answer, parser

from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session


def main() -> None:
    """Answer with one line of JSON."""
    arguments = parser(__doc__)
    arguments.add_argument("--model", type=Path, required=True, help="an ONNX file that takes raw images")
    asked = arguments.parse_args()
    session = open_session(asked.model.read_bytes(), [CPU_PROVIDER])
    images, _ = raw_images(asked.batch_size)
    answer(session.run, images, asked.seconds, "as `kedro run` opens it")


if __name__ == "__main__":
    main()
