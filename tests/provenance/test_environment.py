import os
import platform
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import pytest

from mnist_resnet.computing.processor import offered_instruction_sets
from mnist_resnet.provenance.environment import Gpu, collect_environment, processor_model
from mnist_resnet.storage.artifacts import sha256_of_path
from tests.conftest import PROJECT
from tests.made_record import made

PROCESSORS = """processor\t: 0
model name\t: First Processor @ 2.0GHz
flags\t\t: fpu vme

processor\t: 1
model name\t: Second Processor
"""


def test_python_packages_and_lock_files_are_told(tmp_path):
    (tmp_path / "requirements.lock").write_text("numpy==2.4\n")
    environment = collect_environment(tmp_path)
    assert environment.python == f"{platform.python_version()} {platform.python_implementation()}"
    assert environment.packages["numpy"] == version("numpy")
    assert environment.packages["scikit-learn"] == version("scikit-learn")
    assert environment.lock_files == {"requirements.lock": sha256_of_path(tmp_path / "requirements.lock")}
    assert 1 <= environment.usable_cores <= environment.cores == os.cpu_count()


def test_of_two_versions_of_a_package_the_one_that_is_imported_is_told(tmp_path, monkeypatch):
    described = tmp_path / "rich-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: rich\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert collect_environment(tmp_path).packages["rich"] == "1.0"


def test_only_the_variables_that_decide_how_numbers_are_computed_are_told(tmp_path, monkeypatch):
    told = {"OMP_NUM_THREADS": "2", "TF_DETERMINISTIC_OPS": "1", "KERAS_BACKEND": "tensorflow"}
    kept_back = {
        "TF_VAR_database": "swordfish",
        "TF_API_KEY": "swordfish",
        "JAX_token": "swordfish",
        "AWS_SECRET_ACCESS_KEY": "swordfish",
        "MLFLOW_TRACKING_PASSWORD": "swordfish",
        "HOME_OF_NOTHING": "swordfish",
    }
    for name, value in (told | kept_back).items():
        monkeypatch.setenv(name, value)
    variables = collect_environment(tmp_path).variables
    assert told.items() <= variables.items()
    assert "swordfish" not in variables.values()


def test_onednn_is_told_also_where_the_user_has_not_set_it(tmp_path):
    recorded = collect_environment(tmp_path).variables.get("TF_ENABLE_ONEDNN_OPTS")
    assert recorded == os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    if platform.machine() == "x86_64":
        assert recorded is not None


def test_the_instruction_sets_of_the_processor_are_told(tmp_path):
    assert collect_environment(tmp_path).instruction_sets == offered_instruction_sets()


def test_the_processor_is_told_by_its_makers_name(tmp_path):
    information = tmp_path / "cpuinfo"
    information.write_text(PROCESSORS)
    assert processor_model(information) == "First Processor @ 2.0GHz"


def test_without_that_information_the_architecture_is_told(tmp_path):
    assert processor_model(tmp_path / "missing") in {platform.processor(), platform.machine()}


DRIVER = "550.54.15"


@pytest.mark.parametrize(
    ("script", "gpus"),
    [
        (f"printf 'NVIDIA H100 80GB HBM3, {DRIVER}\\nNVIDIA T4, {DRIVER}\\n'", ("NVIDIA H100 80GB HBM3", "NVIDIA T4")),
        ("echo 'NVIDIA-SMI has failed'; exit 9", ()),
    ],
    ids=["two", "a driver that does not answer"],
)
def test_gpus_are_told_with_their_driver(tmp_path, monkeypatch, script, gpus):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert collect_environment(tmp_path).gpus == tuple(Gpu(name, DRIVER) for name in gpus)


@pytest.mark.parametrize(
    ("variables", "threads"),
    [
        ({}, 2),
        ({"TF_NUM_INTRAOP_THREADS": "4"}, 4),
        ({"TF_NUM_INTRAOP_THREADS": "0"}, 2),
        ({"TF_NUM_INTRAOP_THREADS": "many"}, 2),
        ({"TF_NUM_INTRAOP_THREADS": "4", "KERAS_BACKEND": "tensorflow"}, 4),
        ({"TF_NUM_INTRAOP_THREADS": "4", "KERAS_BACKEND": "jax"}, 2),
    ],
)
def test_tensorflow_adds_by_as_many_threads_as_it_is_told_or_as_there_are_cores(variables, threads):
    assert replace(made().environment, variables=variables).threads == threads


@pytest.mark.parametrize(
    ("offered", "limit", "level"),
    [
        (("avx2",), None, "AVX2"),
        (("avx2", "avx512f"), None, "AVX512_CORE"),
        (("avx2", "avx512f"), "AVX2", "AVX2"),
        (("avx2", "avx512f"), "AVX512_CORE_AMX", "AVX512_CORE"),
        (None, None, None),  # an older record
        (None, "AVX2", "AVX2"),
    ],
)
def test_onednn_computes_up_to_what_the_processor_has_or_what_it_is_held_to(offered, limit, level):
    variables = {"ONEDNN_MAX_CPU_ISA": limit} if limit else {}
    assert replace(made().environment, instruction_sets=offered, variables=variables).onednn_level == level


def test_no_backend_is_imported():
    program = (
        "import sys; from pathlib import Path\n"
        "from mnist_resnet.provenance import environment, record, source, steps\n"
        "environment.collect_environment(Path())\n"
        "print(*sorted({'tensorflow', 'keras', 'mlflow', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
