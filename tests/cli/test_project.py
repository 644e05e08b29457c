"""The errors and the options that the commands share."""

import json
import os
import shutil

import pytest
from kedro.config import OmegaConfigLoader

from mnist_resnet.cli.project import CommandError, _has_credentials, without_traceback, write_json
from mnist_resnet.settings import CONFIG_LOADER_ARGS
from tests.conftest import PROJECT


def test_json_gives_the_name_of_a_file_back_byte_by_byte(capsys) -> None:
    name = os.fsdecode(b"caf\xe9\xc3\xa9.png")
    write_json({"file": name, "class": "数"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"file": name, "class": "数"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("datasets:\n\tmnist: 1\n", "Invalid YAML or JSON file"),
        ("datasets:\n  mnist:\n    title: ${nothing}\n", "conf/ cannot be read: Interpolation key 'nothing' not found"),
        ("recipe: other\n", "conf/ cannot be read: Duplicate keys found"),
    ],
)
def test_configuration_that_is_no_yaml_is_an_error_of_one_line(tmp_path, text, said) -> None:
    shutil.copytree(PROJECT / "conf", tmp_path / "conf")
    (tmp_path / "conf/base/datasets.yml").write_text(text, encoding="utf-8")
    loader = OmegaConfigLoader(str(tmp_path / "conf"), **CONFIG_LOADER_ARGS)
    with pytest.raises(CommandError) as refusal:
        without_traceback(lambda: loader["parameters"])()
    assert said in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_json_has_null_for_a_number_that_is_not_finite(capsys) -> None:
    write_json({"loss": [float("nan"), 0.5], "most": float("-inf")})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"loss": [None, 0.5], "most": None}


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("conf", False),
        ("/srv/a@b?/conf", False),
        ("s3://bucket/conf?versionId=3", False),
        ("abfs://conf@account.dfs.core.windows.net/mnist", False),
        ("github://org:repository@main/conf", False),
        ("https://me:hunter2@host/conf.zip", True),
        ("https://host/conf.zip?token=hunter2", True),
        ("s3://bucket/conf?versionId=3&token=hunter2", True),
    ],
)
def test_which_configurations_are_named_with_secrets(address, secret):
    assert _has_credentials(address) == secret
