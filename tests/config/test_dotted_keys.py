from mnist_resnet.config import as_typed, flatten, nest


def test_nested_keys_are_joined_by_dots():
    assert flatten({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_dotted_keys_are_nested_again():
    assert nest({"a.b.c": 1, "a.d": [2], "e": None}) == {"a": {"b": {"c": 1}, "d": [2]}, "e": None}


def test_a_later_key_replaces_what_is_in_its_way():
    assert nest({"a": 1, "a.b": 2}) == {"a": {"b": 2}}


def test_values_are_written_as_they_are_typed():
    assert [as_typed(value) for value in ("sgd", True, None, 0.1, [32, 32])] == [
        "sgd",
        "true",
        "null",
        "0.1",
        "[32, 32]",
    ]
