"""The export pipeline."""

from kedro.pipeline import Pipeline

from mnist_resnet.data.split import Split
from mnist_resnet.pipelines.export import nodes
from mnist_resnet.pipelines.formats import FORMATS, OTHER_FORMATS
from mnist_resnet.pipelines.wiring import node


def create_pipeline() -> Pipeline:
    """From ``model`` to ``saved_model``, ``onnx`` and ``variants``, which exist only once they have been checked."""
    networks = ["float32_network", "compact_network"]
    rebuilt = ["model", "preprocessing", "params:dataset", "params:export"]
    described = ["params:dataset", "params:export", "params:recipe", "origin"]
    checked = ["float32_network", "train_images", "train_labels", "params:export"]
    candidates = {artifact: f"{artifact}_candidate" for artifact in FORMATS}
    measured = {
        "providers": "params:evaluation.providers",
        "cuda": "params:evaluation.cuda",
        "latency_batch_sizes": "params:evaluation.latency.latency_batch_sizes",
        "throughput_batch_sizes": "params:evaluation.latency.throughput_batch_sizes",
    }
    return Pipeline(
        [
            node(nodes.rebuild_networks, networks, *rebuilt, parameters="params:model"),
            node(nodes.export_savedmodel, "saved_model_candidate", "compact_network"),
            node(nodes.export_onnx, "onnx_candidate", "compact_network", *described),
            node(nodes.check_exports, [*FORMATS, "parity"], *checked, **candidates),
            node(
                nodes.make_variants,
                ["variants", "variant_checks"],
                *("onnx", *Split._fields, "params:dataset", "params:export"),
                **measured,
            ),
            node(
                nodes.classify_test_images,
                "reference_probabilities",
                *("float32_network", "test_images", "params:export", *OTHER_FORMATS),
            ),
        ],
        tags="export",
    )
