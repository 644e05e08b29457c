import json

import pytest

from mnist_resnet.storage.fingerprints import Fingerprint

FINGERPRINT = Fingerprint(
    {"mnist.training": {"epochs": 3, "rates": [0.1, 0.2]}, "mnist.data": {"limit": None}},
    {"images": "1" * 64},
    {"model": "2" * 64},
)


def test_a_fingerprint_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "folder" / "train.json"
    FINGERPRINT.write(path)
    assert Fingerprint.read(path) == FINGERPRINT
    assert FINGERPRINT.difference(Fingerprint.read(path)) is None
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("parameters", "inputs", "outputs", "message"),
    [
        ({"a": {"b": 1}}, {"in": "1"}, {"out": "1"}, None),
        ({"a": {"b": 2}}, {"in": "1"}, {"out": "1"}, "a.b was 1 and is 2"),
        ({"a": {"b": "1"}}, {"in": "1"}, {"out": "1"}, "a.b was 1 and is '1'"),
        ({"a": {"c": 1}}, {"in": "1"}, {"out": "1"}, "a.b was 1 and is None"),
        ({"a": {"b": 1, "c": 3}}, {"in": "1"}, {"out": "1"}, "a.c was None and is 3"),
        ({"a": {"b": 1}}, {"in": "2"}, {"out": "1"}, "in has changed since"),
        ({"a": {"b": 1}}, {}, {"out": "1"}, "in is missing"),
        ({"a": {"b": 1}}, {"in": "1", "more": "1"}, {"out": "1"}, "more has changed since"),
        ({"a": {"b": 1}}, {"in": "1"}, {"out": "2"}, "out has changed since"),
        ({"a": {"b": 1}}, {"in": "1"}, {}, "out is missing"),
        ({"a": {"b": 2}}, {"in": "2"}, {}, "a.b was 1 and is 2"),
        ({"a": {"b": 1}}, {"in": "2"}, {}, "in has changed since"),
    ],
)
def test_the_first_difference_is_said_in_words(parameters, inputs, outputs, message):
    stored = Fingerprint({"a": {"b": 1}}, {"in": "1"}, {"out": "1"})
    assert stored.difference(Fingerprint(parameters, inputs, outputs)) == message


@pytest.mark.parametrize("earlier", [{}, {"checkpoint_seconds": 7.0}])
def test_a_parameter_without_influence_makes_no_difference(earlier):
    stored, present = (Fingerprint({"a.training": each}, {}, {}) for each in (earlier, {"checkpoint_seconds": 30.0}))
    assert stored.difference(present) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1, 2, 3]",
        b"null",
        b'{"parameters": {}, "inputs": {}}',
        json.dumps({"parameters": {}, "inputs": {}, "outputs": {}, "more": {}}).encode(),
    ],
)
def test_a_fingerprint_that_cannot_be_read_is_none(tmp_path, content):
    path = tmp_path / "train.json"
    path.write_bytes(content)
    assert Fingerprint.read(path) is None


def test_an_absent_fingerprint_is_none(tmp_path):
    assert Fingerprint.read(tmp_path / "absent.json") is None
    assert Fingerprint.read(tmp_path) is None
