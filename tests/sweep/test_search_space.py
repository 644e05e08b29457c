"""The space of a search as a file states it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_resnet.sweep.search_space import Choice, Range, SpaceError, points, read_space

Written = Callable[[str], Path]
KEY = "mnist.training.learning_rate"


@pytest.mark.parametrize(
    ("described", "present", "dimension"),
    [
        ("{low: 1e-3, high: 1.0, log: true}", 0.4, Range(0.001, 1.0, True, None, False)),
        ("{low: 1, high: 8}", 3, Range(1, 8, False, None, True)),
        ("{low: 1, high: 8}", None, Range(1, 8, False, None, True)),
        ("{low: 1, high: 2}", 0.4, Range(1, 2, False, None, False)),  # the parameter is a fraction
        ("{low: 0.1, high: 1}", 3, Range(0.1, 1, False, None, False)),
        ("{low: 32, high: 256, step: 32}", 64, Range(32, 256, False, 32, True)),
        ("{low: 0.0, high: 0.3, step: 0.1}", 0.0, Range(0.0, 0.3, False, 0.1, False)),
        ("{values: [sgd, adam]}", "sgd", Choice(("sgd", "adam"))),
        ("{values: [null, 0.9, [1, 2], true, 1]}", None, Choice((None, 0.9, [1, 2], True, 1))),
    ],
)
def test_what_a_parameter_is_drawn_from_is_read(space_file: Written, described: str, present, dimension) -> None:
    read = read_space(space_file(f"{KEY}: {described}"), {KEY: present})
    assert read == {KEY: dimension}


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ("0.4", "received 0.4; write {low"),
        ("[0.1, 0.2]", "received [0.1, 0.2]; write {low"),
        ("{low: 1, hihg: 2}", ".hihg: received 2; known beside it: low, high, log, step; remove it"),
        ("{values: [1], log: true}", ".log: received True; known beside it: values; remove it"),
        ("{values: []}", ".values: received []; list one or more"),
        ("{values: 3}", ".values: received 3; list one or more"),
        ("{values: [1, 2, 1]}", "1 is repeated"),
        ("{low: 1}", ".high: received None; write a number"),
        ("{low: a, high: 2}", ".low: received 'a'; write a number"),
        ("{low: true, high: 2}", ".low: received True; write a number"),
        ("{low: 0, high: .inf}", ".high: received inf; write a number"),
        ("{low: 2, high: 1}", ".low: received 2; choose less than high, 1"),
        ("{low: 1, high: 1}", ".low: received 1; choose less than high, 1"),
        ("{low: 0, high: 1, log: true}", ".low: received 0; a logarithmic range begins above 0"),
        ("{low: 1, high: 2, log: 1}", ".log: received 1; write true or false"),
        ("{low: 1, high: 9, log: true, step: 2}", ".step: received 2; a logarithmic range has no steps"),
        ("{low: 0, high: 9, step: 2}", ".step: received 2; whole steps must lead from low, 0, to high, 9"),
        ("{low: 0, high: 9, step: 0}", ".step: received 0; whole steps"),
        ("{low: 0, high: 9, step: -3}", ".step: received -3; whole steps"),
        ("{low: 0, high: 9, step: 18}", ".step: received 18; whole steps"),
    ],
)
def test_another_form_is_refused_with_its_key(space_file: Written, described: str, said: str) -> None:
    with pytest.raises(SpaceError) as refusal:
        read_space(space_file(f"{KEY}: {described}"), {})
    assert str(refusal.value).startswith(f"--space: {KEY}")
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "states no parameters"),
        ("- 1", "states no parameters"),
        ("3", "cannot be read as YAML"),
        ("a: [1", "cannot be read as YAML"),
        ("a: {values: [1]}\na: {values: [2]}", "cannot be read as YAML"),
        ("a: {values: ['${b}']}", "cannot be read as YAML"),
    ],
)
def test_a_file_that_is_no_space_is_refused(space_file: Written, text: str, said: str) -> None:
    with pytest.raises(SpaceError, match=said) as refusal:
        read_space(space_file(text), {})
    assert len(str(refusal.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yml", tmp_path):
        with pytest.raises(SpaceError, match="cannot be read"):
            read_space(path, {})
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpaceError, match="cannot be read"):
        read_space(tmp_path / "binary.yml", {})


def test_different_trials_are_counted() -> None:
    tenths = Range(0.0, 0.3, False, 0.1, False)
    assert points({"a": tenths, "b": Choice((1, 2)), "c": Range(1, 3, False, None, True)}) == 24
    assert points({"a": Choice((1,)), "b": Range(0, 1, False, None, False)}) == float("inf")


def test_all_values_and_the_ends_have_their_type() -> None:
    assert list(map(repr, Range(1, 3, False, None, True).all_values())) == ["1", "2", "3"]
    assert list(Range(0, 0.3, False, 0.1, False).all_values()) == [0, 0.1, 0.2, 0.3]
    assert repr(Range(1, 2, False, None, False).ends()) == "(1.0, 2.0)"
    assert repr(Range(1.0, 2.0, False, None, True).ends()) == "(1, 2)"


@pytest.mark.parametrize(("low", "high"), [(1 / 3, 4 / 3), (2 / 3, 5 / 3)])
def test_rounding_leads_out_of_no_range(low: float, high: float) -> None:
    drawn = Range(low, high, False, 0.5, False)
    assert all(low <= each <= high for each in drawn.all_values())


def test_what_is_drawn_from_is_told_in_words() -> None:
    assert Range(0.01, 1.0, True, None, False).in_words() == "0.01 to 1, logarithmic"
    assert Range(32, 256, False, 32, True).in_words() == "whole numbers 32 to 256 in steps of 32"
    assert Choice(("sgd", None, [1, 2])).in_words() == "sgd, null, [1, 2]"
