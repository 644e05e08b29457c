"""What the commands share."""

import json
import os

from mnist_resnet.cli.project import write_json


def test_json_gives_the_name_of_a_file_back_byte_by_byte(capsys) -> None:
    name = os.fsdecode(b"caf\xe9\xc3\xa9.png")
    write_json({"file": name, "class": "数"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"file": name, "class": "数"}
