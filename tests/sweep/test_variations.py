"""Seeds and grids as they are typed."""

import pytest

from mnist_resnet.sweep.plan import SweepError
from mnist_resnet.sweep.variations import product, read_grid, read_seeds

SIZE = "mnist.preprocessing.size"


@pytest.mark.parametrize(
    ("typed", "seeds"),
    [("0-3", (0, 1, 2, 3)), ("0,3,7", (0, 3, 7)), ("5", (5,)), (" 8, 0-1 ", (8, 0, 1)), ("2-2", (2,))],
)
def test_seeds_are_read(typed: str, seeds: tuple[int, ...]) -> None:
    assert read_seeds(typed) == seeds


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "received ''; write whole numbers"),
        ("a", "received 'a'; write whole numbers"),
        ("0-", "received '0-'; write whole numbers"),
        ("-1", "received '-1'; write whole numbers"),
        ("1.5", "received '1.5'; write whole numbers"),
        ("0..9", "write whole numbers"),
        ("9-0", "where 9-0 goes backwards; write 0-9"),
        ("0-3,2", "which names 2 twice"),
        ("0-4294967295", "asks for 4,294,967,296 trials; a sweep has at most 1,000"),
    ],
)
def test_what_names_no_seeds_is_refused(typed: str, said: str) -> None:
    with pytest.raises(SweepError) as refusal:
        read_seeds(typed)
    assert str(refusal.value).startswith("--seeds: ")
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("0.2,0.4", (0.2, 0.4)),
        ("1e-3", (0.001,)),
        ("1,2", (1, 2)),
        ("true, null,adam", (True, None, "adam")),
        ("[28,28],[32,32]", ([28, 28], [32, 32])),
        ("1,1.0,true", (1, 1.0, True)),
        ("'a,b',c", ("a,b", "c")),
    ],
)
def test_the_values_of_a_grid_are_read_as_parameters(typed: str, values: tuple[object, ...]) -> None:
    ((key, read),) = read_grid([f"mnist.training.x={typed}"]).items()
    assert key == "mnist.training.x"
    assert repr(read) == repr(values)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["mnist.training.seed"], "received 'mnist.training.seed'; write key=a,b"),
        (["=1"], "received '=1'; write key=a,b"),
        (["a="], "received 'a='; write key=a,b"),
        (["a=[1"], "received 'a=[1', whose values cannot be read"),
        (["a=1,2", "a=3"], "received 'a' twice; list all its values in one --grid"),
        (["a=0.2,0.4,0.2"], "names 0.2 twice"),
    ],
)
def test_what_is_no_grid_is_refused(typed: list[str], said: str) -> None:
    with pytest.raises(SweepError) as refusal:
        read_grid(typed)
    assert str(refusal.value).startswith("--grid: ")
    assert said in str(refusal.value)


def test_a_product_of_too_many_trials_is_refused_before_it_is_made() -> None:
    grid = {f"mnist.training.{name}": tuple(range(1000)) for name in "abcdefgh"}
    with pytest.raises(SweepError, match="at most 1,000"):
        product(["mnist"], grid, ())
