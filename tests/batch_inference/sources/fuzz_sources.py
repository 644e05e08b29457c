"""A fuzz of sources: whatever is damaged, each row is read or refused once, and no other file loses any.

``python -m tests.batch_inference.sources.fuzz_sources SECONDS [SEED]``; ends at the first fault, and keeps the
file that did it in a temporary folder.
The short form, which draws the same each time, is in test_reading.py.
"""

import io
import itertools
import random
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from mnist_resnet.batch_inference.sources.planning import plan_chunks
from mnist_resnet.batch_inference.sources.reading import read_chunk
from tests.batch_inference.sources.made_sources import FORMS, made_images, parquet, parquet_of_pictures

SIZE = (8, 6)
IMAGES = made_images(40, size=SIZE)
_CHUNKS = 50  # a damaged header may declare billions of images
_LONG = 5.0  # seconds that nothing so small may take


def whole_files() -> dict[str, bytes]:
    """Files to be damaged, by the ends of their names."""
    files = {form: make(IMAGES) for form, make in FORMS.items()}
    for options in ({"write_page_checksum": True}, {"compression": "zstd"}, {"compression": "none"}):
        files["-".join(map(str, options.values())) + ".parquet"] = parquet_of_pictures(IMAGES, 7, **options)
    files["lists.parquet"] = parquet(pa.array(IMAGES.tolist()), 7)
    grey = Image.fromarray(made_images(1, size=(30, 30))[0])
    for mode, suffix in itertools.product(("1", "L", "P", "RGB", "RGBA"), ("png", "jpg", "webp", "gif", "bmp")):
        if (mode, suffix) not in {("P", "jpg"), ("RGBA", "jpg")}:
            stream = io.BytesIO()
            grey.convert(mode).save(stream, {"jpg": "JPEG"}.get(suffix, suffix.upper()))
            files[f"{mode}.{suffix}"] = stream.getvalue()
    return files


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """A file cut short, with wrong bytes, or with more of them."""
    content = bytearray(whole)
    way = draw.random()
    if way < 0.3:
        return bytes(content[: draw.randrange(len(content))])
    if way < 0.8:
        for _ in range(draw.choice((1, 1, 2, 5, 30))):
            reach = draw.choice((128, 700, len(content)))  # headers, footers, anywhere
            place = draw.randrange(min(len(content), reach))
            content[draw.choice((place, -1 - place))] = draw.choice((0, 128, 255, draw.randrange(256)))
        return bytes(content)
    place = draw.randrange(len(content))
    content[place:place] = draw.randbytes(draw.randrange(1, 50))
    return bytes(content)


def check(folder: Path, rows: int) -> None:
    """Read a folder whose first file, of 40 images, is whole."""
    plan = plan_chunks([str(folder)], SIZE, rows)
    refusals, read = list(plan.refusals), np.empty((0, *SIZE), np.uint8)
    for chunk in plan.chunks[:_CHUNKS]:
        found = read_chunk(chunk, SIZE)
        refused = [row for each in found.refusals if each.rows for row in range(each.row_id, each.row_id + each.rows)]
        assert sorted([*found.row_ids, *refused]) == list(range(chunk.first_id, chunk.first_id + chunk.rows))
        assert found.images.shape == (len(found.row_ids), *SIZE)
        assert len(found.paths) == len(found.rows) == len(found.row_ids)
        read, refusals = np.concatenate((read, found.images)), [*refusals, *found.refusals]
    np.testing.assert_array_equal(read[: len(IMAGES)], IMAGES)
    for refusal in refusals:
        assert refusal.reason.isprintable(), refusal
        assert 0 < len(refusal.reason) < 500, refusal


def main(seconds: float, seed: int) -> None:
    """Damage and read until the time is over."""
    warnings.simplefilter("error")
    draw, files, until, tried = random.Random(seed), whole_files(), time.monotonic() + seconds, 0  # noqa: S311
    folder = Path(tempfile.mkdtemp())
    (folder / "a.npy").write_bytes(files["npy"])
    while (started := time.monotonic()) < until:
        form = draw.choice(sorted(files))
        path = folder / f"b.{draw.choice((form, form, 'bin'))}"
        path.write_bytes(damaged(files[form], draw))
        check(folder, draw.choice((3, 16, 100)))
        assert time.monotonic() - started < _LONG, f"{path} took long"
        path.unlink()
        tried += 1
    shutil.rmtree(folder)
    sys.stdout.write(f"{tried} damaged files\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
