from mnist_resnet.config import flatten


def test_nested_keys_are_joined_by_dots():
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}
