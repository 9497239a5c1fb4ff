"""Image files and archives that tests make."""

import io
import tarfile
from pathlib import Path

import numpy as np


def picture(value, size=(4, 4), mode="RGB", form="PNG"):
    """The bytes of an image file, all of one value or pixels of an array."""
    import PIL.Image

    image = PIL.Image.fromarray(value) if isinstance(value, np.ndarray) else PIL.Image.new(mode, size, value)
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def colour(*numbers):
    """A different small picture for different numbers."""
    generator = np.random.default_rng(numbers)
    return picture(generator.integers(0, 256, (4, 4, 3), dtype=np.uint8))


def flowers(parts=("train", "test"), classes=("rose", "tulip"), number=10):
    """Names and contents of images in a folder for each part and class."""
    return {
        "/".join([*([part] if part else []), name, f"{index}.png"]): colour(p, c, index)
        for p, part in enumerate(parts)
        for c, name in enumerate(classes)
        for index in range(number)
    }


def folder(root, files):
    """Write files below a folder."""
    for name, content in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Path(root)


def tar(path, files, mode="w", folders=()):
    """Write files, after empty folders, into an archive; a TarInfo in place of the content is added as it is."""
    with tarfile.open(path, mode) as archive:
        for name in folders:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return Path(path)
