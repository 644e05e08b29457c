"""What a made training computed on."""

from mnist_resnet.training.events import TrainingDevice

DEVICE = TrainingDevice(
    name="a made GPU",
    kind="GPU",
    backend="tensorflow",
    precision="mixed_bfloat16",
    tf32=True,
    deterministic=True,
    asked={"precision": "auto", "tf32": True, "deterministic": True, "require_gpu": False},
)
