"""Contestants that take turns, some of which cannot run."""

import sys
from collections.abc import Callable
from types import ModuleType

import pytest

Benchmark = Callable[[str], ModuleType]


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise SystemExit('no bfloat16 here')", "no bfloat16 here"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("import sys; sys.exit('RuntimeError: no compiler\\n\\nSet SOME_VARIABLE=1 to hear more.')", "no compiler"),
        ("import os, sys; print('a warning', file=sys.stderr); os.abort()", "it was ended by SIGABRT"),
        (
            "import sys; sys.exit('RuntimeError: in a.cpp:1:\\nin b.cpp:2:\\nno bfloat16 here\\n\\n')",
            "^no bfloat16 here$",
        ),
        ("pass", "it answered nothing"),
    ],
)
def test_a_program_that_fails_says_why_in_one_line(benchmark: Benchmark, text: str, reason: str) -> None:
    with pytest.raises(RuntimeError, match=reason) as raised:
        benchmark("side_by_side").last_line(program(text))
    assert "\n" not in str(raised.value)


def test_a_program_that_takes_too_long_is_ended(benchmark: Benchmark) -> None:
    with pytest.raises(RuntimeError, match=r"not done after 0\.2 s"):
        benchmark("side_by_side").last_line(program("import time; time.sleep(60)"), limit=0.2)


def test_who_fails_is_left_out_and_the_others_go_on(benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    module, table = benchmark("side_by_side"), benchmark("inference_table")
    ours, missing, failing = (module.Contestant(name, []) for name in (table.OURS, "missing", "failing"))
    missing = module.Contestant("missing", [], "it is not there")
    calls: list[tuple[str, int]] = []

    def measure(contestant: object, batch_size: int) -> object:
        calls.append((contestant.name, batch_size))
        if contestant is failing and batch_size == 32 and calls.count(calls[-1]) == 2:
            raise RuntimeError("out of memory")
        return table.Measurement(100.0 * batch_size, 3, [0] * batch_size, "as it is")

    results = module.Results()
    for _ in range(3):
        module.take_turns([ours, missing, failing], [1, 32], measure, results)
    assert [calls.count(("failing", size)) for size in (1, 32)] == [3, 2]
    assert calls.count(("missing", 1)) == 0
    assert "batch size 32, failing: left out: out of memory" in capsys.readouterr().err
    assert results.ratios(32, "failing", table.OURS) == []
    table.report([ours, missing, failing], [1, 32], results)
    first, second = capsys.readouterr().out.split("### Batch size 32")
    assert "| failing | 100 | 100–100 | 1.00 (1.00–1.00) | 1 of 1 | as it is |" in first
    assert "| failing | not measured: out of memory | | | | |" in second
    assert "| missing | not measured: it is not there | | | | |" in second
    assert f"| {table.OURS} | 3,200 |" in second


def test_a_table_is_made_where_all_others_are_measured_and_ours_is_not(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    module, table = benchmark("side_by_side"), benchmark("inference_table")
    ours, other = module.Contestant(table.OURS, [], "it is not there"), module.Contestant(table.OPENVINO_FLOAT32, [])
    results = module.Results()
    results.measurements[32, other.name].append(table.Measurement(640.0, 3, [0] * 32, "latency hint"))
    table.report([ours, other], [32], results)
    said = capsys.readouterr().out
    assert f"| {other.name} | 640 | 640–640 | – | – | latency hint |" in said
    assert f"- at least 1.0× {other.name}, by {table.OURS} (target): not measured" in said


def test_training_is_held_against_torch_compile_in_each_precision(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    table, training = benchmark("training_table"), benchmark("training")
    everyone = training.contestants({"python": "python", "versions": "torch 2.14"})
    compiled = {each.name: each.command for each in everyone if "--compile" in each.command}
    assert compiled.keys() == {table.COMPILED_FLOAT32, table.COMPILED_BFLOAT16}
    results = table.TrainingResults(products=[{"float32": 74.0, "bfloat16": 74.0}])
    for contestant, speed in zip(everyone, (290, 300, 100, 90, 80, 70, 120, 110), strict=True):
        results.measurements[64, contestant.name].append(table.Measurement(speed, 9.0, "float32"))
    table.report(everyone, [64], results)
    said = capsys.readouterr().out
    assert "- at least 1.3× PyTorch compiled, float32, by ours, float32: reached, 2.500×" in said
    assert "- at least 1.3× PyTorch compiled, bfloat16, by ours, `precision: auto`: reached, 2.636×" in said


def test_without_pytorch_its_rows_say_why(benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    table, training = benchmark("training_table"), benchmark("training")
    everyone = training.contestants({"reason": "No module named 'torch'"})
    results = table.TrainingResults(products=[{"float32": 74.0, "bfloat16": 74.0}])
    for contestant in everyone[:3]:
        results.measurements[64, contestant.name].append(table.Measurement(100.0, 9.0, "float32"))
    table.report(everyone, [64], results)
    said = capsys.readouterr().out
    assert said.count("not measured: No module named 'torch'") == 5
    assert "- at least 1.2× PyTorch, float32, default layout, by ours, `precision: auto`: not measured" in said
