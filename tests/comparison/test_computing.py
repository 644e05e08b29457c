import pytest

from mnist_resnet.comparison.computing import adding_threads, differing_variables, used_level
from tests.made_record import Record, change

SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def environment(record: Record, **variables: str) -> Record:
    return change(record["environment"], "variables", variables)


def older(described: Record) -> Record:
    """As it was recorded before instruction sets were."""
    return {name: value for name, value in described.items() if name != "instruction_sets"}


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
def test_tensorflow_adds_by_as_many_threads_as_it_is_told_or_as_there_are_cores(record, variables, threads) -> None:
    assert adding_threads(environment(record, **variables)) == threads


def test_an_equal_number_of_threads_is_no_difference_however_it_came(record: Record) -> None:
    more = change(environment(record, TF_NUM_INTRAOP_THREADS="2"), "usable_cores", 8)
    assert differing_variables(environment(record), more) == ({}, {})
    fewer = environment(record, TF_NUM_INTRAOP_THREADS="1")
    assert differing_variables(environment(record), fewer) == ({}, {"TF_NUM_INTRAOP_THREADS": "1"})


def test_an_equal_level_of_onednn_is_no_difference_however_it_came(record: Record) -> None:
    avx2 = change(environment(record), "instruction_sets", ["avx2"])
    held = environment(record, ONEDNN_MAX_CPU_ISA="AVX2")
    assert (used_level(avx2), used_level(held), used_level(environment(record))) == ("AVX2", "AVX2", "AVX512_CORE")
    assert differing_variables(avx2, held) == ({}, {})
    assert differing_variables(environment(record), held) == ({}, {"ONEDNN_MAX_CPU_ISA": "AVX2"})
    beyond = environment(record, ONEDNN_MAX_CPU_ISA="AVX512_CORE_AMX")
    assert used_level(beyond) == "AVX512_CORE"


@pytest.mark.parametrize(("offered", "switch"), [(["avx2", "avx512_vnni"], "1"), (["avx2"], "0")])
def test_what_tensorflow_chose_of_onednn_is_known_for_the_same_processor(record, offered, switch) -> None:
    present = change(environment(record, **{SWITCH: "1"}), "instruction_sets", offered)
    before, after = differing_variables(older(environment(record)), present)
    assert (before, after) == ({SWITCH: switch}, {SWITCH: "1"})


def test_of_another_processor_nothing_is_concluded_from_an_older_record(record: Record) -> None:
    present = change(environment(record, **{SWITCH: "1"}), "processor", "Another")
    before, after = differing_variables(older(environment(record)), present)
    assert before == after


def test_between_records_that_tell_it_the_switch_is_a_difference(record: Record) -> None:
    off, on = environment(record, **{SWITCH: "0"}), environment(record, **{SWITCH: "1"})
    assert differing_variables(off, on) == ({SWITCH: "0"}, {SWITCH: "1"})
    assert differing_variables(older(off), on) == ({SWITCH: "0"}, {SWITCH: "1"})
    assert differing_variables(older(environment(record)), older(on)) == ({}, {SWITCH: "1"})
