"""The check that bytes are those of a published file."""

from mnist_resnet.config import IdxFile
from mnist_resnet.data.idx import IdxError, decompress
from mnist_resnet.storage.arrays import Content
from mnist_resnet.storage.artifacts import sha256_of_bytes


def verify(content: Content | None, file: IdxFile) -> Content:
    """The uncompressed bytes, if they are those that ``file`` describes.

    Raises:
        IdxError: If there are none, or their length or SHA-256 is another.
    """
    if content is None:
        raise IdxError("not there")
    expanded = decompress(content, file.size)
    digest = sha256_of_bytes(expanded)
    if digest != file.sha256:
        raise IdxError(f"SHA-256 is {digest}, expected {file.sha256}")
    return expanded


def right_one(contents: list[Content], file: IdxFile) -> Content:
    """Of several files that may be the published one, that which is; the first if none is."""
    if len(contents) == 1:
        return contents[0]
    for content in contents:
        try:
            verify(content, file)
        except IdxError:
            continue
        return content
    return contents[0]
