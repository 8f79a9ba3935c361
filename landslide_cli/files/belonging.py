"""The files that belong to a file: those that were written with it, and those that others lay beside it."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from landslide_cli.errors import SceneError, shown

# After the whole name: journals of SQLite, what GDAL and QGIS keep of a raster, and ArcGIS of anything.
ADDED = {
    ".gpkg": ("-wal", "-shm", "-journal", ".aux.xml"),
    ".tif": (".aux.xml", ".ovr", ".ovr.aux.xml", ".msk", ".msk.ovr", ".xml", ".vat.dbf", ".vat.cpg"),
    ".shp": (".xml",),
}
# In the place of the ending. World files would place a raster that has no place of its own.
INSTEAD = {
    ".tif": (".tfw", ".tifw", ".tiffw", ".wld", ".qmd"),
    ".shp": (
        ".shx", ".dbf", ".prj", ".cpg", ".cst", ".qpj", ".qmd", ".qix", ".sbn", ".sbx", ".idm", ".ind", ".fbn", ".fbx",
        ".ain", ".aih", ".ixs", ".mxs", ".atx",
    ),
    ".gpkg": (".qmd",),
    ".geojson": (".qmd",),
    ".fgb": (".qmd",),
    ".parquet": (".qmd",),
}  # fmt: skip
REMOTE = re.compile(
    r"^(?!file:)[a-z0-9+]+://|^(?:/vsi\w+/)*/vsi(?:curl|s3|gs|az|oss|swift|hdfs|webhdfs|adls)", re.IGNORECASE
)
# What GDAL writes beside a file that it only reads: after the whole name, and in the place of the ending.
TRACES = (".aux.xml", ".gfs")
VIRTUAL = re.compile(r"^(?:/vsi\w+/)+(?:\{.*?\}/?|\?\S*?url=)?")
SCHEME = re.compile(r"^[a-z+]+://")
# Texts by which GDAL reads other files, or asks servers.
DESCRIPTIONS = re.compile(rb"^[\s\xef\xbb\xbf]*<(\?xml|VRTDataset|GDAL_WMS|GDAL_WMTS|WCS_GDAL)")
SOURCES = re.compile(r"<(?:SourceFilename|SourceDataset|ServerUrl|GetCapabilitiesUrl|ServiceURL)[^>]*>\s*([^<]*?)\s*<")
FILTERED = re.compile(r"<KernelFilteredSource.*?(?:</KernelFilteredSource>|$)", re.DOTALL)
LARGEST = 64 << 20  # bytes of a description; one of a million sources has that many
DEEPEST = 8  # descriptions that name descriptions
# A driver before a name, GPKG:/x/r.gpkg:table; a drive's letter is none.
PREFIX = re.compile(r"^[A-Za-z][A-Za-z0-9_]+:")


def beside(path: Path) -> list[Path]:
    """Files there that programs would take as part of ``path``, whatever lies under that name itself.

    Endings are compared without case, as GDAL does on some systems; the name before them is not.
    """
    ending = path.suffix.lower().replace(".tiff", ".tif")
    names = {path.name: ADDED.get(ending, ()), path.stem: INSTEAD.get(ending, ())}
    try:
        there = [file.name for file in path.parent.iterdir()]
    except OSError:
        return []
    return [
        path.with_name(name)
        for name in sorted(there)
        if name != path.name
        and any(name.startswith(begin) and name[len(begin) :].lower() in ends for begin, ends in names.items())
    ]


def files_of(name: str | os.PathLike[str]) -> set[Path]:
    """The files of the file system that an input consists of.

    Args:
        name: A path, or any name that GDAL takes: ``file:///x/s.tif``, ``GPKG:/x/r.gpkg:table``,
            ``/vsizip//x/a.zip/s.tif``, a VRT, which consists of its sources as well.

    Raises:
        SceneError: the name is one that GDAL can't be told.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    text = os.fspath(name)
    try:
        text.encode()
    except UnicodeError as error:
        raise SceneError(f"{shown(text)}: the name is not UTF-8, so GDAL can't open it; rename the file") from error
    named = {text}
    told = [] if _is_no_raster_here(text) else list(descriptions(text))
    if not _is_no_raster_here(text) and not remote_source(told) and not is_fatal(told):
        try:
            with leaving_no_traces([text]), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with rasterio.open(text) as src:
                    named |= set(src.files)
        except (RasterioError, ValueError, OSError):
            pass  # Why it can't be opened is told where it is read.
    found = {path for one in named for path in _existing(one)} | {Path(text)}
    return {path.resolve() for path in found} | {other.resolve() for path in found for other in beside(path)}


def remote_source(told: Iterable[str]) -> str | None:
    """The first source on another machine that a local file, such as a VRT, would read; None if it reads none.

    Some versions of GDAL connect as soon as such a file is opened.

    Args:
        told: Its `descriptions`.
    """
    sources = (source for text in told for source in SOURCES.findall(text))
    return next((source for source in sources if REMOTE.search(source) or SCHEME.match(source)), None)


def is_fatal(told: Iterable[str]) -> bool:
    """Whether GDAL 3.10 would end the process over a file: a VRT with a filter that has no kernel.

    Args:
        told: Its `descriptions`.
    """
    return any("<Kernel>" not in filtered for text in told for filtered in FILTERED.findall(text))


def descriptions(raster: str | os.PathLike[str]) -> Iterator[str]:
    """The text of a local file that describes a raster, and of those that it names in turn; nothing of any other."""
    name = os.fspath(raster)
    if REMOTE.match(name):
        return
    seen: set[str] = set()
    waiting = [(name, 0)]
    while waiting:
        path, depth = waiting.pop()
        if path in seen or depth > DEEPEST:
            continue
        seen.add(path)
        text = _description(path)
        yield text
        folder = os.path.dirname(path)  # noqa: PTH120
        waiting += [(os.path.join(folder, source), depth + 1) for source in SOURCES.findall(text)]  # noqa: PTH118


def _description(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            if not DESCRIPTIONS.match(file.read(256)):
                return ""
            file.seek(0)
            return file.read(LARGEST).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def _is_no_raster_here(text: str) -> bool:
    """Whether there is nothing to ask GDAL: other files that inputs are, and what lies on other machines."""
    return bool(REMOTE.match(text)) or text.lower().endswith(
        (".shp", ".geojson", ".json", ".fgb", ".parquet", ".safetensors", ".xml", ".bin")
    )


def _existing(text: str) -> Iterator[Path]:
    """The longest part of a name that is a file, if there is one."""
    plain = text
    if plain.startswith("file://"):
        from urllib.parse import unquote, urlsplit

        plain = unquote(urlsplit(plain).path)
    candidates = [text, plain, VIRTUAL.sub("", plain), PREFIX.sub("", plain).strip('"'), VIRTUAL.sub("/", plain)]
    # As rasterio and GDAL say it: zip:///x/a.zip!s.tif, vrt:///x/s.tif?bands=1.
    candidates.append(re.split("[!?]", SCHEME.sub("", text))[0])
    for candidate in candidates:
        path = Path(candidate)
        for part in (path, Path(candidate.rsplit(":", 1)[0]), *path.parents):
            try:
                if part.is_file():
                    yield part
                    break
            except (OSError, ValueError):
                break


@contextmanager
def leaving_no_traces(inputs: Iterable[str | os.PathLike[str] | None]) -> Iterator[None]:
    """Take an ``.aux.xml`` or ``.gfs`` away that GDAL writes beside a file while it only reads it.

    It can't be told to read those that are there and to write none.
    """
    files = {file for name in inputs if name is not None for file in _existing(os.fspath(name))}
    added, instead = TRACES
    traces = [trace for file in files for trace in (file.with_name(file.name + added), file.with_suffix(instead))]
    new = [trace for trace in traces if not _is_there(trace)]
    try:
        yield
    finally:
        for trace in new:
            with suppress(OSError, ValueError):
                trace.unlink(missing_ok=True)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return True
