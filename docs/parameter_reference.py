"""Tables of all parameters: values and meanings from conf/base/parameters.yml, types and ranges from the code."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter

from mnist_resnet.config import NamespaceParameters, TrackingParameters
from mnist_resnet.reporting.report.markdown import table

_DATA_SET = "mnist"
_LINE = re.compile(r"^(?P<indent> *)(?P<name>\w+):(?P<value>[^#]*)(?:# (?P<meaning>.*))?$")
_ENDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


def parameter_tables(path: Path) -> str:
    """A table in Markdown for each concern of a data set, and one for the record of a run.

    Args:
        path: conf/base/parameters.yml, which has all values under its first data set.
    """
    text = path.read_text(encoding="utf-8")
    meanings, values = dict(_meanings(text)), yaml.safe_load(text)
    kinds = get_type_hints(NamespaceParameters)
    sections = [_section(name, kind, values[_DATA_SET], meanings) for name, kind in kinds.items()]
    whole_run = "Of the whole run, under no data set: `--params tracking.offline=true`."
    sections.append(_section("tracking", TrackingParameters, values, meanings, whole_run))
    return "\n\n".join(sections) + "\n"


def _section(concern: str, kind: Any, values: Mapping[str, Any], meanings: Mapping[str, str], note: str = "") -> str:
    header = ["parameter", "base", "may be", "meaning"]
    return f"## {concern}\n\n{note}\n\n{table(header, list(_rows(concern, kind, values[concern], meanings)))}"


def _rows(prefix: str, kind: Any, values: Mapping[str, Any], meanings: Mapping[str, str]) -> Iterator[list[str]]:
    schema = TypeAdapter(kind).json_schema()
    for name, described in schema["properties"].items():
        key, value = f"{prefix}.{name}", values[name]
        if isinstance(value, dict):
            yield from _rows(key, get_type_hints(kind)[name], value, meanings)
        else:
            shown = yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
            yield [f"`{key}`", f"`{shown}`", _range(described, schema), meanings.get(key, "").replace("|", "\\|")]


def _range(described: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in described:
        return _range(schema["$defs"][described["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in described:
        return " or ".join(_range(each, schema) for each in described["anyOf"])
    if "enum" in described or "const" in described:
        return ", ".join(f"`{value}`" for value in described.get("enum", [described.get("const")]))
    if described.get("type") == "array":
        each = described.get("items") or next(iter(described.get("prefixItems", [{}])))
        return f"a list of: {_range(each, schema)}"
    kinds = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "`true`, `false`",
        "null": "`null`",
        "string": "a text",
    }
    ends = [f"{words} {described[key]:,}" for key, words in _ENDS.items() if key in described]
    return " ".join([kinds.get(described.get("type", ""), "any"), ", ".join(ends)]).strip()


def _meanings(text: str) -> Iterator[tuple[str, str]]:
    """The comment beside each key down to the first data set's last, by dotted key without that data set's name."""
    above: list[str] = []
    for line in text.splitlines():
        if found := _LINE.match(line):
            above = [*above[: len(found["indent"]) // 2], found["name"]]
            yield ".".join(above).removeprefix(f"{_DATA_SET}."), (found["meaning"] or "").strip()
        elif not line and above[:1] == [_DATA_SET]:
            return
