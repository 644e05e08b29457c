"""Records of two runs to compare: made ones, of which a test changes what it is about."""

import copy
import json
from dataclasses import asdict
from typing import Any

from mnist_resnet.provenance.reading import read_provenance
from mnist_resnet.provenance.record import Provenance
from tests.made_device import DEVICE

Record = dict[str, Any]


def made_record() -> Record:
    """What a run of all steps on one data set would record, with digests of four letters."""
    epoch = {"learning_rate": 0.1, "train_loss": 0.5, "train_accuracy": 0.8, "validation_loss": 0.6}
    training = {"seed": 0, "epochs": 2, "deterministic": True, "precision": "auto", "learning_rate": 0.1}
    training |= {"shuffle_shards": None, "tf32": True, "devices": 1, "hosts": 1, "require_gpu": False}
    training |= {"small_epochs": 0, "small_size": [20, 20]}
    return {
        "schema": 1,
        "status": "FINISHED",
        "started": "2026-11-23T09:00:00+00:00",
        "ended": "2026-11-23T09:01:00+00:00",
        "run": {
            "command": ["run"],
            "env": None,
            "pipeline_names": ["training"],
            "namespaces": ["made"],
            "runtime_params": {},
        },
        "parameters": {
            "recipe": "base",
            "datasets": {"made": {"files": {"train_images": {"sha256": "aaaa"}}}},
            "made": {
                "data": {"seed": 0, "validation_fraction": 0.2, "shard_images": None},
                "preprocessing": {"scaling": "standardize"},
                "model": {"architecture": "resnet18"},
                "training": training,
                "export": {"opset": 17},
                "evaluation": {"batch_size": 256},
            },
        },
        "environment": {
            "python": "3.11.7 CPython",
            "platform": "Linux",
            "processor": "A processor",
            "instruction_sets": ["avx2", "avx512f"],
            "cores": 2,
            "usable_cores": 2,
            "gpus": [],
            "lock_files": {"requirements.lock": "aaaa"},
            "packages": {
                "keras": "3.15.1",
                "tensorflow": "2.21.0",
                "numpy": "2.4.0",
                "onnxruntime-gpu": "1.26.0",
                "tf2onnx": "1.17.0",
                "scikit-learn": "1.8.0",
                "rich": "14.0",
            },
            "variables": {"OMP_NUM_THREADS": "2"},
        },
        "source": {"commit": "aaaa", "dirty": False, "patch": None},
        "precision": {"made": "float32"},
        "training_devices": {"made": asdict(DEVICE)},
        "namespaces": {
            "made": {
                "raw_data": {"published_images": "aaaa", "test_images": "aaaa"},
                "split": {"train_images": "aaaa", "train_labels": "aaaa"},
                "prepared_data": {"mean": 33.0, "scale": 0.01},
                "initial_weights": {"stem/kernel": "aaaa", "head/kernel": "aaaa"},
                "epochs": {"1": dict(epoch), "2": epoch | {"train_loss": 0.4}},
                "final_weights": {"stem/kernel": "bbbb", "head/kernel": "bbbb"},
                "export": {"graph": "aaaa", "initializers": "aaaa"},
                "probabilities": {"sha256": "aaaa", "images": 1000, "classes": 3},
                "metrics": {"test_accuracy": 0.9, "test_loss": 0.3, "p50_batch_1_ms": 1.0, "images_per_s_batch_32": 9},
            }
        },
    }


def older_record() -> Record:
    """The same run as an earlier version of this schema recorded it, with a field that is not known here."""
    record = made_record()
    model = record["parameters"]["made"]["model"]
    for name in ("shuffle_shards", "tf32", "devices", "hosts", "require_gpu", "small_epochs", "small_size"):
        del record["parameters"]["made"]["training"][name]
    del record["parameters"]["made"]["data"]["shard_images"]
    model["variant"] = model.pop("architecture")
    for place, name in ((record["environment"], "instruction_sets"), (record, "ended"), (record, "training_devices")):
        del place[name]
    record["run"] |= {"runtime_params": {"made": {"model": dict(model)}}, "load_versions": {}}
    return record


def change(record: Record, path: str, value: Any) -> Record:
    """The record with a value put in place, or taken away if it is ``...``.

    Args:
        record: It stays as it is.
        path: Nested keys, joined by slashes.
        value: For JSON.
    """
    changed = copy.deepcopy(record)
    *folders, name = path.split("/")
    place = changed
    for folder in folders:
        place = place[folder]
    place[name] = value
    if value is ...:
        del place[name]
    return changed


def made(*changes: tuple[str, Any]) -> Provenance:
    """The made record as it is read, with changes by ``path`` and ``value`` of ``change``."""
    record = made_record()
    for path, value in changes:
        record = change(record, path, value)
    return read(record)


def read(record: Record) -> Provenance:
    """A record as it is read from its file."""
    return read_provenance(json.dumps(record).encode(), "the run")
