"""Small images as text that a page can hold."""

from __future__ import annotations

import base64
import warnings
from functools import cache

from rasterio.drivers import raster_driver_extensions
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from landslide_cli.typing import Bytes

QUALITY = 80
# Of WebP, 0 to 6. The default, 4, takes three times as long for a fifth fewer bytes.
EFFORT, LOSSLESS_EFFORT = 1, 0


def as_uri(rgba: Bytes, *, lossless: bool) -> str | None:
    """An image of shape ``(4, height, width)`` as a ``data:`` address; None if nothing of it can be seen.

    It is a WebP; where GDAL was built without, a JPEG, or a PNG where it is transparent or has to be lossless.
    """
    opacity = rgba[3]
    if not opacity.any():
        return None
    opaque = bool((opacity == 255).all())
    driver, options = _format(lossless=lossless, opaque=opaque)
    image = rgba[:3] if opaque else rgba
    bands, height, width = image.shape
    with MemoryFile() as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a tile's place is its number
        with file.open(driver=driver, width=width, height=height, count=bands, dtype="uint8", **options) as dst:
            dst.write(image)
        file.seek(0)
        text = base64.b64encode(file.read()).decode("ascii")
    return f"data:image/{driver.lower()};base64,{text}"


@cache
def _format(*, lossless: bool, opaque: bool) -> tuple[str, dict[str, int | str]]:
    if "WEBP" in raster_driver_extensions().values():
        if lossless:
            return "WEBP", {"lossless": "true", "method": LOSSLESS_EFFORT}
        return "WEBP", {"quality": QUALITY, "method": EFFORT}
    return ("JPEG", {"quality": QUALITY}) if opaque and not lossless else ("PNG", {})
