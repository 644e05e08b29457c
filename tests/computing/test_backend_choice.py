import sys
from types import ModuleType, SimpleNamespace

import pytest

from mnist_resnet.computing.backend_choice import BackendError, backends_of, chosen_backend, require_exporting_backend


@pytest.fixture
def not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)


def imported_with(backend: str) -> ModuleType:
    keras = ModuleType("keras")
    keras.config = SimpleNamespace(backend=lambda: backend)
    return keras


@pytest.mark.usefixtures("not_imported")
class TestBeforeKerasIsImported:
    @pytest.mark.parametrize("setting", [None, "", "tensorflow"])
    def test_tensorflow_is_chosen_if_nothing_else_is(
        self, monkeypatch: pytest.MonkeyPatch, setting: str | None
    ) -> None:
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        if setting is not None:
            monkeypatch.setenv("KERAS_BACKEND", setting)
        assert chosen_backend() == "tensorflow"
        require_exporting_backend()

    @pytest.mark.parametrize("name", ["torch", "numpy", "openvino", "TensorFlow", "tenserflow"])
    def test_others_are_refused_in_a_line(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setenv("KERAS_BACKEND", name)
        with pytest.raises(BackendError) as refused:
            chosen_backend()
        assert str(refused.value) == (
            f"KERAS_BACKEND: received '{name}', but this project runs on tensorflow or jax. "
            "Unset KERAS_BACKEND, or set it to tensorflow"
        )

    @pytest.mark.parametrize("platforms", [None, "", "cpu", "cuda,cpu"])
    def test_jax_trains_and_its_networks_are_exported(
        self, monkeypatch: pytest.MonkeyPatch, platforms: str | None
    ) -> None:
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
        monkeypatch.delenv("JAX_PLATFORMS", raising=False)
        if platforms is not None:
            monkeypatch.setenv("JAX_PLATFORMS", platforms)
        assert chosen_backend() == "jax"
        require_exporting_backend()

    def test_jax_without_the_cpu_is_refused_for_export(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        monkeypatch.setenv("JAX_PLATFORMS", "cuda")
        monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
        assert chosen_backend() == "jax"
        with pytest.raises(BackendError, match=r"^JAX_PLATFORMS: received 'cuda', .* set it to cuda,cpu$"):
            require_exporting_backend()

    def test_a_backend_that_is_not_installed_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        monkeypatch.delitem(sys.modules, "jax", raising=False)
        monkeypatch.setattr("mnist_resnet.computing.backend_choice.find_spec", lambda name: None)
        with pytest.raises(BackendError, match="'jax', which is not installed: `pip install jax`"):
            chosen_backend()


def test_keras_that_was_imported_with_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setitem(sys.modules, "keras", imported_with("torch"))
    with pytest.raises(BackendError, match="imported before this project, with the backend 'torch'"):
        require_exporting_backend()


def test_keras_that_was_imported_with_jax_is_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setitem(sys.modules, "keras", imported_with("jax"))
    monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
    assert chosen_backend() == "jax"
    require_exporting_backend()


@pytest.mark.parametrize(
    ("setting", "pipelines", "expected"),
    [
        ("jax", {"data", "train", "export"}, {"train": "jax", "export": "tensorflow"}),
        ("tensorflow", {"train", "export"}, {"train": "tensorflow", "export": "tensorflow"}),
        ("torch", {"export", "evaluate"}, {"export": "tensorflow"}),
        ("torch", {"data"}, {}),
    ],
)
def test_only_pipelines_that_compute_by_a_backend_have_one(
    monkeypatch: pytest.MonkeyPatch, setting: str, pipelines: set[str], expected: dict[str, str]
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", setting)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
    assert backends_of(pipelines) == expected
