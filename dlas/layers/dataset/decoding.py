"""From the bytes of an image file to pixels: decoded by Pillow, resized and cropped as torchvision does."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dlas import vision
from dlas.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

# What Pillow's readers raise for damaged files, beside what they should.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    EOFError,
    struct.error,
    zlib.error,
)
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")  # others start programs of their own (EPS)
_WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # modes of more than eight bits a channel
_STEP = 257  # 65,535 becomes 255

Decoder = Callable[[str, bytes], NDArray[np.uint8]]


def decoder(place: str, size: int, crop: int, reverse: bool) -> Decoder:
    """A function from name and content of a file to bytes (3, height, width), red first unless `reverse`.

    The shorter side becomes `size`, then the middle `crop` x `crop` is kept; 0 leaves either out.
    """
    change = _change(size, crop) if size or crop else None

    def decode(name: str, content: bytes) -> NDArray[np.uint8]:
        image = _open(place, name, content)
        if crop > (size or min(image.size)):
            raise DataError(f"{place}: {name} is {image.width}x{image.height}, less than crop={crop}; give size={crop}")
        pixels = np.asarray(change(image) if change else image).transpose(2, 0, 1)
        return pixels[::-1] if reverse else pixels

    return decode


def _change(size: int, crop: int) -> "Callable[[Image], Image]":
    v2 = vision.load("torchvision.transforms.v2")
    steps = ([v2.Resize(size, antialias=True)] if size else []) + ([v2.CenterCrop(crop)] if crop else [])
    composed: Callable[[Image], Image] = v2.Compose(steps)
    return composed


def _open(place: str, name: str, content: bytes) -> "Image":
    """Transparency is dropped, as torchvision's loader does; sixteen bits are brought to eight."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image.load()
            if image.mode in _WIDE:
                return _narrow(image).convert("RGB")
            if image.mode == "F":
                raise ValueError("pixels are fractions of no known range")
            return image.convert("RGBA" if "transparency" in image.info else "RGB").convert("RGB")
    except PIL.UnidentifiedImageError as problem:  # whose own words name an object in memory
        raise DataError(f"{place}: {name} is no readable image (of no known format); repair or remove it") from problem
    except _UNREADABLE as problem:
        raise DataError(f"{place}: {name} is no readable image ({problem}); repair or remove it") from problem
    except PIL.Image.DecompressionBombError as problem:
        raise DataError(f"{place}: {name} is too large an image ({problem}); make it smaller") from problem


def _narrow(image: "Image") -> "Image":
    import PIL.Image

    pixels = np.asarray(image).astype(np.int64)
    if pixels.min() < 0 or pixels.max() > np.iinfo(np.uint16).max:
        raise ValueError("pixels have more than sixteen bits")
    return PIL.Image.fromarray(((pixels + _STEP // 2) // _STEP).astype(np.uint8))
