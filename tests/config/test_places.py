import pytest

from mnist_resnet.config import ConfigurationError, check_places
from mnist_resnet.config.places import model_input_place


@pytest.mark.parametrize("raw", ["data/01_raw", "/mnt/disk/raw", "file:///mnt/disk/raw", "memory://raw"])
@pytest.mark.parametrize("model_input", [None, "/mnt/disk", "memory://mnist"])
def test_folders_and_addresses_are_places(raw, model_input):
    check_places({"raw": raw, "model_input": model_input})


def test_places_that_are_not_named_are_those_of_the_catalog():
    check_places({"recipe": "base", "outputs": "data"})


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "received None, which is neither a folder nor an address. State, for example, raw: data/01_raw"),
        (" ", "neither a folder nor an address"),
        (7, "neither a folder nor an address"),
        ("~/raw", "~ is not expanded there: write the whole path"),
        ("https://host/mnist", "cannot be written; set MNIST_RESNET_DATA_MIRROR"),
        ("memory://raw/", "ends with a slash"),
        ("memory://raw/../other", "the part '..'"),
        ("file://host/raw", "names the host 'host'; a folder of this machine needs three slashes"),
        ("s3://[bucket/raw", "which is no address: Invalid IPv6 URL. State, for example, raw"),
        ("nowhere://raw", "fsspec knows no addresses that begin with nowhere://"),
        ("s3://user:secret@bucket/raw", "received an address with credentials, but credentials are taken from the env"),
        ("s3://user:se/secret@bucket/raw", "received an address with credentials"),
        ("s3://bucket/raw?key=secret", "received an address with credentials"),
        ("gs://bucket/raw", "whose client is not installed: pip install gcsfs"),
    ],
)
def test_other_places_are_refused_with_the_remedy(raw, reason):
    with pytest.raises(ConfigurationError, match=reason) as refused:
        check_places({"raw": raw, "model_input": None})
    assert str(refused.value).startswith("globals.raw: ")
    assert "secret" not in str(refused.value)


def test_each_recipe_has_a_folder_of_its_own(monkeypatch):
    monkeypatch.delenv("MNIST_RESNET_TEMPORARY", raising=False)
    assert model_input_place(None, "data", "base") == "data/05_model_input"
    assert model_input_place("s3://bucket", "data/recipes/fast", "fast") == "s3://bucket/fast/05_model_input"


def test_a_reproduction_replaces_nothing_at_an_address(monkeypatch):
    monkeypatch.setenv("MNIST_RESNET_TEMPORARY", "true")
    assert model_input_place("s3://bucket", "data", "base") == "data/05_model_input"
