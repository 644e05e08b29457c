import base64
import json
import math
import mmap
import zipfile
from functools import cache
from typing import get_type_hints

import keras
import numpy as np
import onnx
import pytest
from kedro.io import DatasetError
from kedro_datasets._typing import ImagePreview, JSONPreview
from matplotlib.figure import Figure
from onnx import TensorProto, helper

from mnist_resnet.data.idx import encode
from mnist_resnet.datasets import (
    ArrayDataset,
    BytesDataset,
    FigureDataset,
    FilesDataset,
    FolderDataset,
    IdxDataset,
    JsonDataset,
    KerasModelDataset,
    OnnxDataset,
    TextDataset,
)
from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.normalization import FusedBatchNormalization
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.training.events import EpochResult
from tests.conftest import files_up_to


def idx(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def shares(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((5, 3), dtype=np.float32)


def values(seed: int = 0) -> dict:
    return {"accuracy": 0.5, "classes": ["Größe", "T-shirt/top"], "nested": {"seed": seed, "none": None}}


def text(seed: int = 0) -> str:
    return f"# Größe {seed}\n\n| a | b |\n"


def files(seed: int = 0) -> dict[str, bytes]:
    return {"saved_model.pb": b"graph", "variables/variables.index": bytes([seed]), "assets/empty": b""}


def onnx_file(seed: int = 0) -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], f"graph{seed}", value[:1], value[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@cache
def network(seed: int = 0) -> keras.Model:
    image = keras.Input((4, 4, 2))
    convolution = Convolution(2, 3, padding="same", name="convolution")
    norm = FusedBatchNormalization(name="norm")
    model = keras.Model(image, norm(convolution(image)))
    norm.gamma.assign([seed + 2, seed + 3])
    return model


def figure(seed: int = 0) -> Figure:
    made = Figure(figsize=(1, 1))
    made.subplots().plot([0, 1, seed])
    return made


def same_array(loaded, saved) -> bool:
    return loaded.dtype == saved.dtype and np.array_equal(loaded, saved)


def same(loaded, saved) -> bool:
    return loaded == saved


def same_network(loaded, saved) -> bool:
    kinds = [type(loaded.get_layer(name)) for name in ("convolution", "norm")]
    same_weights = map(np.array_equal, loaded.get_weights(), saved.get_weights())
    return kinds == [keras.layers.Conv2D, keras.layers.BatchNormalization] and all(same_weights)


def png(loaded, _) -> bool:
    return loaded.startswith(b"\x89PNG\r\n\x1a\n")


# Each dataset with what it stores, whether it comes back, and what is no such artifact.
KINDS = {
    "idx": (IdxDataset, idx, same_array, b"\0\0\x08\x03 cut off"),
    "array": (ArrayDataset, shares, same_array, b"\x93NUMPY cut off"),
    "json": (JsonDataset, values, same, b'{"accuracy": '),
    "text": (TextDataset, text, same, b"\xff\xfe\xfd"),
    "savedmodel": (FilesDataset, files, same, None),
    "bytes": (BytesDataset, lambda seed=0: bytes([seed, 255]), same, None),
    "onnx": (OnnxDataset, onnx_file, same, None),
    "keras": (KerasModelDataset, network, same_network, b"PK cut off"),
    "figure": (FigureDataset, figure, png, b"GIF89a"),
}
FILE_NAMES = {"keras": "model.keras", "figure": "figure.png"}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def dataset(kind, tmp_path):
    return KINDS[kind][0](filepath=str(tmp_path / "folder" / FILE_NAMES.get(kind, "artifact")))


@pytest.fixture
def make(kind):
    return KINDS[kind][1]


@pytest.fixture
def equal(kind):
    return KINDS[kind][2]


def contents(folder) -> dict[str, bytes | None]:
    """All that lies in a folder, hidden or not, by its path in it."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else None for name, path in found.items()}


def test_what_is_saved_comes_back(dataset, make, equal):
    dataset.save(make())
    assert equal(dataset.load(), make())


def test_saving_again_replaces_the_artifact_and_leaves_nothing_else(dataset, make, equal):
    dataset.save(make(0))
    before = contents(dataset.path.parent)
    dataset.save(make(1))
    after = contents(dataset.path.parent)
    assert equal(dataset.load(), make(1))
    assert before.keys() == after.keys()
    assert before != after
    assert [path.name for path in dataset.path.parent.iterdir()] == [dataset.path.name]


def override(dataset, **methods):
    """Make a dataset one of a subclass that writes or verifies in another way."""
    dataset.__class__ = type("Overridden", (type(dataset),), methods)


def full(*_):
    raise OSError("no space left on device")


def half_way(self, path, data):
    super(type(self), self)._write(path, data)
    full()


FAILURES = {"half way": {"_write": half_way}, "at once": {"_write": full}, "when verified": {"_verify": full}}


@pytest.mark.parametrize("failing", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
def test_a_failing_save_leaves_what_was_there_and_no_other_file(dataset, make, failing, there):
    if there:
        dataset.save(make(0))
    before = contents(dataset.path.parent)
    override(dataset, **failing)
    with pytest.raises(DatasetError, match="no space left on device"):
        dataset.save(make(1))
    assert contents(dataset.path.parent) == before
    assert dataset.exists() is there


def test_a_disk_that_takes_nothing_more_is_one_clear_error(dataset, make):
    dataset.save(make(0))
    before, made = contents(dataset.path.parent), make(1)
    with files_up_to(0), pytest.raises(DatasetError) as refused:
        dataset.save(made)
    assert str(refused.value).startswith(f"{dataset.path} could not be written: ")
    assert str(refused.value).endswith("What was there before is unchanged.")
    assert contents(dataset.path.parent) == before


def test_a_save_that_writes_something_else_is_noticed(tmp_path):
    for kind in ("idx", "array", "text", "savedmodel", "bytes"):
        dataset_class, make, _, _ = KINDS[kind]
        dataset = dataset_class(filepath=str(tmp_path / kind))
        override(dataset, _write=lambda self, path, _, make=make: super(type(self), self)._write(path, make(1)))
        with pytest.raises(DatasetError, match="does not read back as it was written"):
            dataset.save(make(0))
        assert not dataset.exists()


def test_something_that_is_no_onnx_file_is_not_saved(tmp_path):
    dataset = OnnxDataset(filepath=str(tmp_path / "model.onnx"))
    broken = onnx.load_from_string(onnx_file())
    broken.graph.node[0].op_type = "NoSuchOperator"
    for content in (b"not a protocol buffer", broken.SerializeToString()):
        with pytest.raises(DatasetError):
            dataset.save(content)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [name for name, (*_, damaged) in KINDS.items() if damaged], indirect=True)
def test_a_damaged_file_is_refused(kind, dataset):
    dataset.path.parent.mkdir()
    dataset.path.write_bytes(KINDS[kind][3])
    with pytest.raises(DatasetError, match=str(dataset.path)):
        dataset.load()


def test_a_missing_artifact_is_refused_with_the_remedy(dataset):
    assert not dataset.exists()
    with pytest.raises(
        DatasetError, match=r"does not exist; make it with `kedro run --only-missing-outputs`"
    ) as refused:
        dataset.load()
    assert str(dataset.path) in str(refused.value)


def test_a_stale_artifact_counts_as_missing_until_it_is_saved(dataset, make):
    dataset.save(make(0))
    assert dataset.exists()
    dataset.stale, made = True, make(1)
    assert not dataset.exists()
    with files_up_to(0), pytest.raises(DatasetError):
        dataset.save(made)
    assert not dataset.exists()
    dataset.save(made)
    assert dataset.exists()


def test_metadata_is_kept_and_the_place_described(kind, tmp_path):
    metadata = {"kedro-viz": {"layer": "raw"}}
    dataset = KINDS[kind][0](filepath=str(tmp_path / "a"), metadata=metadata)
    assert dataset.metadata == metadata
    assert str(tmp_path / "a") in str(dataset)


def test_an_array_is_mapped_into_memory_and_neither_written_nor_lost_when_it_is_replaced(tmp_path):
    dataset = ArrayDataset(filepath=str(tmp_path / "shares.npy"))
    dataset.save(shares(0))
    base = loaded = dataset.load()
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert isinstance(base, mmap.mmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded[0] = 1
    dataset.save(shares(1))
    np.testing.assert_array_equal(loaded, shares(0))
    np.testing.assert_array_equal(dataset.load(), shares(1))


def test_an_empty_array_comes_back(tmp_path):
    dataset = ArrayDataset(filepath=str(tmp_path / "none.npy"))
    dataset.save(np.zeros((0, 28, 28), np.uint8))  # the validation images of a recipe that has none
    loaded = dataset.load()
    assert (loaded.shape, loaded.dtype) == ((0, 28, 28), np.uint8)


def test_pickled_arrays_are_neither_loaded_nor_saved(tmp_path):
    path = tmp_path / "pickled.npy"
    pickled = np.array([{"any": "object"}], dtype=object)
    np.save(path, pickled, allow_pickle=True)
    with pytest.raises(DatasetError, match=r"allow_pickle|Python objects"):
        ArrayDataset(filepath=str(path)).load()
    with pytest.raises(DatasetError, match=r"allow_pickle|Object arrays"):
        ArrayDataset(filepath=str(tmp_path / "new.npy")).save(pickled)
    assert [each.name for each in tmp_path.iterdir()] == ["pickled.npy"]


@pytest.mark.parametrize("array", [np.zeros((2,) * 5, np.uint8), np.zeros(3, np.int64)])
def test_only_what_idx_knows_is_saved_as_idx(tmp_path, array):
    with pytest.raises(DatasetError, match="expected an array of 1 to 4 dimensions and a type of IDX"):
        IdxDataset(filepath=str(tmp_path / "images")).save(array)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["i1", "<i2", ">i4", "<f4", ">f8"])
@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2), (3, 2, 2, 1)])
def test_idx_files_of_any_type_come_back_as_they_were(tmp_path, kind, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    dataset = IdxDataset(filepath=str(tmp_path / "published"))
    dataset.save(array)
    assert dataset.path.read_bytes() == encode(array)
    assert dataset.load().dtype == np.dtype(kind).newbyteorder(">")
    np.testing.assert_array_equal(dataset.load(), array)


def test_json_is_written_for_people_too(tmp_path):
    dataset = JsonDataset(filepath=str(tmp_path / "values.json"))
    dataset.save(values())
    written = dataset.path.read_text(encoding="utf-8")
    assert "Größe" in written
    assert written.endswith("}\n")
    assert written.count("\n") > len(values())


PREVIEWS = {
    "json": (JSONPreview, lambda shown, _: json.loads(shown) == values()),
    "figure": (ImagePreview, lambda shown, stored: base64.b64decode(shown, validate=True) == stored),
}


@pytest.mark.parametrize("kind", PREVIEWS, indirect=True)
def test_an_artifact_is_previewed_as_kedro_viz_expects(kind, dataset, make):
    dataset.save(make())
    type_hint, shows = PREVIEWS[kind]
    assert get_type_hints(type(dataset).preview)["return"] is type_hint
    preview = dataset.preview()
    assert isinstance(preview, str)
    assert shows(preview, dataset.path.read_bytes())


def typed_dataset(folder) -> JsonDataset:
    return JsonDataset(filepath=str(folder / "values.json"), schema="mnist_resnet.preprocessing.Preprocessing")


def test_json_of_a_schema_is_loaded_as_its_type_and_written_as_plain_values(tmp_path):
    dataset, fixed = typed_dataset(tmp_path), Preprocessing("pad", (32, 30), 33.25, 0.0125)
    dataset.save(fixed)
    assert dataset.load() == fixed
    plain = {"method": "pad", "size": [32, 30], "mean": 33.25, "scale": 0.0125}
    assert dataset.path.read_text() == json.dumps(plain, indent=2) + "\n"
    assert json.loads(dataset.preview()) == plain


def test_a_number_that_is_none_comes_back_as_such(tmp_path):
    """As the validation loss of a training that has failed."""
    dataset = JsonDataset(filepath=str(tmp_path / "values.json"), schema="mnist_resnet.training.events.History")
    dataset.save([EpochResult(1, 0.1, 2.0, 0.5, math.nan, None, 1.0, 9.0)])
    (loaded,) = dataset.load()
    assert math.isnan(loaded.validation_loss)


def test_json_of_another_type_is_neither_loaded_nor_saved(tmp_path):
    dataset = typed_dataset(tmp_path)
    dataset.path.write_text('{"method": "pad", "size": [32, 32], "mean": "grey", "scale": 1}')
    with pytest.raises(DatasetError, match=r"values\.json holds no .*\.Preprocessing: .*\s+mean"):
        dataset.load()
    before = dataset.path.read_bytes()
    with pytest.raises(DatasetError, match="Preprocessing"):
        dataset.save({"method": "pad"})
    assert dataset.path.read_bytes() == before


def test_a_figure_saved_twice_gives_equal_bytes(tmp_path):
    saved = []
    for name in ("first.png", "second.png"):
        FigureDataset(filepath=str(tmp_path / name)).save(figure())
        saved.append((tmp_path / name).read_bytes())
    assert saved[0] == saved[1]
    assert b"Software" not in saved[0]


def test_a_figure_has_120_dots_per_inch(tmp_path):
    dataset = FigureDataset(filepath=str(tmp_path / "figure.png"))
    dataset.save(figure())
    # The width of a PNG file is at bytes 16 to 19; the figure is one inch wide.
    assert int.from_bytes(dataset.load()[16:20], "big") == 120


def test_a_savedmodel_loses_the_files_of_the_one_before(tmp_path):
    dataset = FilesDataset(filepath=str(tmp_path / "saved_model"))
    dataset.save({**files(), "assets/vocabulary": b"old"})
    dataset.save(files())
    assert dataset.load() == files()


def test_a_network_is_stored_with_the_layers_of_keras_alone_and_loaded_without_being_compiled(tmp_path):
    dataset = KerasModelDataset(filepath=str(tmp_path / "model.keras"))
    dataset.save(network())
    with zipfile.ZipFile(dataset.path) as stored:
        assert b"mnist_resnet" not in stored.read("config.json")
    assert not dataset.load().compiled


def test_a_network_with_code_in_its_file_is_refused(tmp_path):
    image = keras.Input((2,))
    # What a layer of arbitrary code is stored as must not be run on load.
    keras.Model(image, keras.layers.Lambda(lambda x: x)(image)).save(tmp_path / "model.keras")
    with pytest.raises(DatasetError, match=r"safe_mode|unsafe"):
        KerasModelDataset(filepath=str(tmp_path / "model.keras")).load()


def test_a_folder_is_its_path_whether_or_not_it_exists_and_nothing_is_saved_through_it(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        assert FolderDataset(filepath=str(path)).load() == path
        with pytest.raises(DatasetError):
            FolderDataset(filepath=str(path)).save(tmp_path)
    assert list(tmp_path.iterdir()) == []
