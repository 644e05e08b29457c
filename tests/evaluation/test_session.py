import logging
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from mnist_resnet.computing.processor import THREADS_VARIABLE
from mnist_resnet.errors import UserError
from mnist_resnet.evaluation import session as module
from mnist_resnet.evaluation.cuda import CUDA_PROVIDER, cuda_obstacle
from mnist_resnet.evaluation.providers import CPU_PROVIDER, ProviderError
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.terminal.messages import log_once
from tests.made_model import BRIGHT, DARK, halves_model

# A sum of 64 float32 terms below 10 and an exponential.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def model() -> bytes:
    return halves_model()


@pytest.fixture(autouse=True)
def nothing_remembered():
    """What one test found out about this machine is no concern of the next."""
    cuda_obstacle.cache_clear()
    log_once.cache_clear()
    yield
    cuda_obstacle.cache_clear()


@pytest.fixture
def without_cuda(monkeypatch):
    """As on a machine without an NVIDIA driver, wherever the test runs."""

    def refuse(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", refuse)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA_PROVIDER, CPU_PROVIDER])


@pytest.fixture
def with_cuda(monkeypatch):
    """As where the driver loads; ``got`` is what onnxruntime then runs any model with."""

    def with_cuda(got: list[str]) -> list[list[str]]:
        asked = []

        def session(content, options, providers, enable_fallback):
            assert enable_fallback == 0
            if content == halves_model():
                asked.append(providers)
            return SimpleNamespace(
                get_providers=lambda: got,
                run=lambda *_: [np.array([6.0])],  # the convolution that is tried first
                get_session_options=lambda: options,
                get_provider_options=lambda: {name: {} for name in got},
            )

        cuda_obstacle.cache_clear()
        monkeypatch.setattr("ctypes.CDLL", lambda _: None)
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA_PROVIDER, CPU_PROVIDER])
        monkeypatch.setattr(onnxruntime, "InferenceSession", session)
        return asked

    return with_cuda


def expected(images: np.ndarray) -> np.ndarray:
    halves = images.astype("float64").reshape(len(images), 8, 2, 4).mean(axis=(1, 3)) / 255
    powers = np.exp(np.column_stack([BRIGHT * halves, np.full(len(images), DARK)]))
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_cpu_classifies(model, made_data):
    session = open_session(model, [CPU_PROVIDER])
    assert (session.provider, session.providers_asked) == (CPU_PROVIDER, (CPU_PROVIDER,))
    images = made_data.arrays["test_images"]
    answers = session.probabilities(images, 60)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected(images), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("asked", "threads", "used"), [("1", 0, 1), ("2", 1, 1), ("", 2, 2), ("", 0, os.cpu_count())])
def test_a_session_keeps_to_the_threads_that_are_asked_for(model, asked, threads, used, monkeypatch):
    monkeypatch.setenv(THREADS_VARIABLE, asked)
    assert open_session(model, [CPU_PROVIDER], threads=threads).threads == used


@pytest.mark.parametrize("batch_size", [1, 7, 59, 60, 1000])
def test_batches_give_the_answers_of_one_call(model, made_data, batch_size):
    session = open_session(model, [CPU_PROVIDER])
    images = made_data.arrays["test_images"]
    answers = session.probabilities(images, batch_size)
    # Only the order of the sums may depend on the batch.
    np.testing.assert_allclose(answers, session.run(images), rtol=0, atol=1e-6)


def test_batches_have_the_size_asked_for_and_the_last_one_the_rest(model, made_data, monkeypatch):
    sizes = []
    run = module.Session.run
    monkeypatch.setattr(module.Session, "run", lambda self, batch: sizes.append(len(batch)) or run(self, batch))
    open_session(model, [CPU_PROVIDER]).probabilities(made_data.arrays["test_images"], 25)
    assert sizes == [25, 25, 10]


def test_memory_mapped_images_are_taken(model, made_data, tmp_path):
    images = made_data.arrays["test_images"]
    np.save(tmp_path / "images.npy", images)
    session = open_session(model, [CPU_PROVIDER])
    answers = session.probabilities(np.load(tmp_path / "images.npy", mmap_mode="r"), 25)
    np.testing.assert_array_equal(answers, session.probabilities(images, 25))


def test_an_unknown_provider_is_refused_with_what_is_known(model):
    with pytest.raises(ProviderError, match=r"evaluation\.providers: received \['CpuProvider'\]") as refused:
        open_session(model, ["CpuProvider", CPU_PROVIDER])
    assert CPU_PROVIDER in str(refused.value)
    assert isinstance(refused.value, UserError)


@pytest.mark.parametrize(
    ("providers", "required", "message"),
    [
        ([CUDA_PROVIDER, CPU_PROVIDER], True, r"evaluation\.require_gpu is true, but CPUExecutionProvider"),
        ([CPU_PROVIDER], True, r"evaluation\.require_gpu"),
        ([CUDA_PROVIDER], False, r"evaluation\.providers: none of .* libcuda\.so\.1: .* add 'CPUExecutionProvider'"),
    ],
)
def test_without_cuda_what_needs_it_is_refused_with_the_remedy(model, without_cuda, providers, required, message):
    with pytest.raises(ProviderError, match=message):
        open_session(model, providers, require_gpu=required)


def test_without_cuda_the_cpu_takes_over_and_says_so_once(model, without_cuda, caplog, capfd):
    caplog.set_level(logging.INFO, module.__name__)
    for _ in range(2):
        session = open_session(model, [CUDA_PROVIDER, CPU_PROVIDER])
        assert session.provider == CPU_PROVIDER
        assert session.providers_asked == (CUDA_PROVIDER, CPU_PROVIDER)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "INFO",
            f"onnxruntime uses {CPU_PROVIDER}, since {CUDA_PROVIDER} cannot be used here: the NVIDIA driver does not "
            "load: libcuda.so.1: cannot open shared object file",
        )
    ]
    written = capfd.readouterr()
    others = [line for line in written.err.splitlines() if "onnxruntime uses" not in line]
    assert (written.out, others) == ("", [])


def test_the_cpu_asked_for_first_is_nothing_to_speak_of(model, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    assert open_session(model, [CPU_PROVIDER, CUDA_PROVIDER]).provider == CPU_PROVIDER
    assert caplog.records == []


def test_a_gpu_that_loads_is_used(model, with_cuda, caplog):
    caplog.set_level(logging.INFO, module.__name__)
    asked = with_cuda([CUDA_PROVIDER, CPU_PROVIDER])
    session = open_session(model, [CUDA_PROVIDER, CPU_PROVIDER], require_gpu=True)
    assert session.provider == CUDA_PROVIDER
    assert asked == [[CUDA_PROVIDER, CPU_PROVIDER]]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("changes", "option", "value"),
    [
        ({"algorithm_search": "exhaustive"}, "cudnn_conv_algo_search", "EXHAUSTIVE"),
        ({"largest_workspace": False}, "cudnn_conv_use_max_workspace", "0"),
        ({"channels_last": True}, "prefer_nhwc", "1"),
        ({"tf32": False}, "use_tf32", "0"),
        ({"graphs": True}, "enable_cuda_graph", "1"),
        ({"memory_limit": 512}, "gpu_mem_limit", str(512 * 1024 * 1024)),
    ],
)
def test_cuda_runs_with_the_settings_asked_for(model, with_cuda, evaluation_parameters, changes, option, value):
    asked = with_cuda([CUDA_PROVIDER, CPU_PROVIDER])
    before, after = evaluation_parameters.cuda, replace(evaluation_parameters.cuda, **changes)
    for settings in (before, after):
        open_session(model, [CUDA_PROVIDER, CPU_PROVIDER], cuda=settings)
    [[(_, options_before), _], [(provider, options), cpu]] = asked
    assert (provider, cpu) == (CUDA_PROVIDER, CPU_PROVIDER)
    assert options[option] == value
    assert {key for key in options | options_before if options.get(key) != options_before.get(key)} == {option}


@pytest.mark.parametrize("graphs", [False, True])
def test_batches_stay_where_they_are_for_cuda_graphs_alone(model, with_cuda, evaluation_parameters, graphs):
    settings = replace(evaluation_parameters.cuda, graphs=graphs)
    for got, expected in ((CUDA_PROVIDER, graphs), (CPU_PROVIDER, False)):
        with_cuda([got, CPU_PROVIDER])
        assert open_session(model, [CUDA_PROVIDER, CPU_PROVIDER], cuda=settings).fixed is expected


def test_settings_of_cuda_change_nothing_on_the_cpu(model, without_cuda, evaluation_parameters, made_data):
    images = made_data.arrays["test_images"]
    session = open_session(model, [CUDA_PROVIDER, CPU_PROVIDER], cuda=evaluation_parameters.cuda)
    assert (session.provider, session.provider_options) == (CPU_PROVIDER, {})
    np.testing.assert_array_equal(session.run(images), open_session(model, [CPU_PROVIDER]).run(images))


@pytest.mark.parametrize(("optimized", "level"), [(True, "ORT_ENABLE_ALL"), (False, "ORT_DISABLE_ALL")])
def test_optimization_is_on_unless_it_is_not_wanted(model, optimized, level):
    options = open_session(model, [CPU_PROVIDER], optimized=optimized).inference.get_session_options()
    assert options.graph_optimization_level.name == level


def test_a_provider_that_onnxruntime_leaves_out_is_another_one_and_a_warning(model, with_cuda, caplog):
    with_cuda([CPU_PROVIDER])
    assert open_session(model, [CUDA_PROVIDER, CPU_PROVIDER]).provider == CPU_PROVIDER
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            f"onnxruntime uses {CPU_PROVIDER}, since {CUDA_PROVIDER} cannot be used here: onnxruntime left it out "
            "without a reason",
        )
    ]
    with pytest.raises(ProviderError, match=r"evaluation\.require_gpu.*left it out"):
        open_session(model, [CUDA_PROVIDER, CPU_PROVIDER], require_gpu=True)


def test_a_provider_that_was_not_asked_for_is_refused(model, with_cuda):
    with_cuda([CPU_PROVIDER])
    with pytest.raises(ProviderError, match=r"evaluation\.providers"):
        open_session(model, [CUDA_PROVIDER])


def test_a_model_that_another_provider_runs_than_the_one_that_loads_is_refused(model, with_cuda):
    got = [CUDA_PROVIDER, CPU_PROVIDER]
    with_cuda(got)
    open_session(model, [CUDA_PROVIDER, CPU_PROVIDER])
    got.pop(0)
    with pytest.raises(ProviderError, match=r"CUDAExecutionProvider can be loaded here, but .* by CPU"):
        open_session(model, [CUDA_PROVIDER, CPU_PROVIDER])


def test_a_model_that_cuda_does_not_load_is_refused_and_not_given_to_the_cpu(model, with_cuda, monkeypatch, capfd):
    with_cuda([CUDA_PROVIDER, CPU_PROVIDER])
    open_session(model, [CUDA_PROVIDER, CPU_PROVIDER])

    def fail(*_, **__):
        raise RuntimeError("/a/long/path.cc:114 CUDA failure 2: out of memory ; GPU=0 ; hostname=machine")

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(ProviderError, match=r"does not load this model: CUDA failure 2: out of memory; mend that, or"):
        open_session(model, [CUDA_PROVIDER, CPU_PROVIDER])
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("deterministic", [False, True])
def test_cuda_computes_deterministically_if_asked_to(model, with_cuda, evaluation_parameters, deterministic):
    with_cuda([CUDA_PROVIDER, CPU_PROVIDER])
    settings = replace(evaluation_parameters.cuda, deterministic=deterministic)
    session = open_session(model, [CUDA_PROVIDER, CPU_PROVIDER], cuda=settings)
    assert session.inference.get_session_options().use_deterministic_compute is deterministic
    assert session.provider_options == {"use_deterministic_compute": str(int(deterministic))}


@pytest.mark.parametrize("takes_turns", [False, True])
def test_a_session_leaves_the_cores_to_others_if_it_takes_turns(model_bytes, takes_turns):
    options = open_session(model_bytes, [CPU_PROVIDER], takes_turns=takes_turns).inference.get_session_options()
    assert options.get_session_config_entry("session.force_spinning_stop") == str(int(takes_turns))
