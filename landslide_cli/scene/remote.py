"""Rasters on other machines: how GDAL reads them well, and what to do when they can't be reached."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike, fspath

import rasterio
from rasterio.env import get_gdal_config
from rasterio.io import DatasetReader

# As rasterio says it (https://h/s.tif, s3://bucket/s.tif, zip+https://h/a.zip!s.tif, vrt://https://h/s.tif) and as GDAL
# does (/vsicurl/https://h/s.tif, /vsizip//vsis3/bucket/a.zip/s.tif).
REMOTE = re.compile(
    r"(?:^|[+/(])(?:https?|ftp|s3|gs|az|oss)://|^(?:/vsi\w+/)*/vsi(?:curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)",
    re.IGNORECASE,
)
MOSAIC = re.compile(r"\.vrt$|^<VRTDataset", re.IGNORECASE)
# What GDAL's own settings leave open for rasters that are read by ranges of their bytes. Those of the environment win.
SETTINGS = {
    # No folder is listed, but a mask (.msk), overviews (.ovr) or .aux.xml beside a scene are asked for by their names:
    # EMPTY_DIR would save these requests, and leave the mask out in silence.
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    # Half a minute in all: 1 s, and twice as long before each further try.
    "GDAL_HTTP_MAX_RETRY": "5",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    # A line that has fallen asleep, in bytes per second and seconds.
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    # The directory of a scene of some 10,000 blocks in one request.
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    # What is known of a file goes when it is closed: one that has changed on its server is read anew.
    "CPL_VSIL_CURL_NON_CACHED": "/vsicurl:/vsis3:/vsigs:/vsiaz:/vsiadls:/vsioss:/vsiswift:/vsiwebhdfs",
}
# What GDAL or curl says, and what to do.
REMEDIES = (
    (r"\b404\b|NoSuchKey|NoSuchBucket|does not exist", "nothing is there: check the address"),
    (
        r"\b40[13]\b|AccessDenied|InvalidAccessKeyId|[Cc]redentials|AWS_SECRET_ACCESS_KEY|SignatureDoesNotMatch",
        "it needs credentials, or they have expired: give them in the environment as GDAL takes them "
        "(AWS_NO_SIGN_REQUEST=YES for public buckets)",
    ),
    (
        r"Range downloading not supported",
        "the server gives no parts of files: download it first and give the file",
    ),
    (r"resolve host", "check the address, the network connection and the proxy"),
    (r"SSL|certificate", "check the certificate of the server, or name one's authority in CURL_CA_BUNDLE"),
)
PROBED = 64  # blocks
GONE = "the server can't be reached, or has stopped answering: start again, or download it first and give the file"


def is_remote(name: object) -> bool:
    """Whether a raster's name is one of another machine."""
    return isinstance(name, str) and REMOTE.search(name) is not None


@contextmanager
def reaching(*names: str | PathLike[str] | None) -> Iterator[None]:
    """Have GDAL read these rasters well until the block ends, if they lie on other machines, or their parts may.

    Settings of the environment, and those of a ``rasterio.Env`` around it, stay as they are.
    """
    told = [fspath(name) for name in names if name is not None]
    if not any(is_remote(name) or MOSAIC.search(name) for name in told):
        yield
        return
    missing = {name: value for name, value in SETTINGS.items() if get_gdal_config(name) is None}
    with rasterio.Env(**missing):
        yield


def remedy(name: str, reason: str, otherwise: str) -> str:
    """What to do about a raster that can't be opened or read.

    Args:
        name: The raster's.
        reason: What GDAL says.
        otherwise: What to do if it lies on this machine.
    """
    if not is_remote(name) and not is_remote(reason) and "HTTP" not in reason and "CURL" not in reason:
        return otherwise
    with suppress(StopIteration):
        return next(told for said, told in REMEDIES if re.search(said, reason))
    return otherwise if "not recognized" in reason else GONE


def fingerprint(src: DatasetReader) -> int:
    """A number that changes with a raster's grid, tags, or sizes of its compressed blocks, by what its header tells.

    Servers tell size and time of change differently. Where a TIFF's block begins tells the size of those before.
    """
    height, width = src.block_shapes[0]
    rows, cols = (-(-src.height // height), -(-src.width // width))
    spread = ((step * rows // PROBED, step * cols // PROBED) for step in range(PROBED))
    places = [*dict.fromkeys(spread), (rows - 1, cols - 1)]
    starts = [src.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1) for row, col in places]
    facts = (src.shape, src.count, src.dtypes, src.nodatavals, tuple(src.transform), sorted(src.tags().items()), starts)
    return zlib.crc32(repr(facts).encode())


def reason_of(error: BaseException, name: str) -> str:
    """Why a raster that was opened can't be read, in GDAL's first words, which name the file, and what to do."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = " ".join(str(cause).split()).rstrip(".")
    if "No such file" in text or "does not exist" in text:
        return f"{text}; it is a part of the scene that is missing: put it back, or build the scene without it"
    return f"{text}; {remedy(name, text, 'the file is damaged or incomplete: copy it again')}"
