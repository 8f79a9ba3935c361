"""Finished bands of a scene, kept beside its output until that is complete, so that a run goes on where it was cut off.

They lie in a folder with a journal that tells what they depend on. A run takes those that fit what it would predict
itself, and throws the others away.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import rasterio
from rasterio.windows import Window

from landslide_cli._version import __version__
from landslide_cli.engine import Engine
from landslide_cli.errors import NothingValidError
from landslide_cli.files.staging import LOCK, locked
from landslide_cli.files.stamps import stamps_of_raster
from landslide_cli.mosaic.blend import Strip
from landslide_cli.mosaic.packing import Packed, Packer
from landslide_cli.parsing import ParseError, parse_json, read_text
from landslide_cli.prediction.plan import Plan
from landslide_cli.scene.scene import Scene, name_of
from landslide_cli.tiling.bands import Band, Rows, cut, gaps

log = logging.getLogger(__name__)

SUFFIX = ".landslide-parts"
JOURNAL, BAND = "journal.json", ".band"
PROBES, PROBE_SIZE = 16, 64
# Strips that wait to be packed: a run that is faster than that waits for it.
STRIPS_AHEAD = 4


class Kept:
    """The bands of a plan that are finished, in a folder.

    Args:
        folder: The folder; made with the first band.
        plan: What is predicted.
        engine: What predicts.

    Attributes:
        bands: Rows of windows of the bands that are there.
    """

    def __init__(self, folder: Path, plan: Plan, engine: Engine) -> None:
        self.folder, self._plan = folder, plan
        self._journal = journal_of(plan, engine)
        self.bands: set[Rows] = set()
        self._lock: IO[bytes] | None = None
        self._ours = not folder.exists() or self._take()
        if folder.exists() and self._ours:
            self._look()

    @property
    def left(self) -> list[Rows]:
        """Rows of windows of the bands that aren't there."""
        runs = gaps(self._plan.grid.rows.count, self.bands)
        return [rows for run in runs for rows in cut(run, self._plan.band)]

    @property
    def told(self) -> str:
        """How many bands are there, in words."""
        return f"{len(self.bands)} of {len(self.bands) + len(self.left)} bands"

    def read(self, rows: Rows) -> Packed:
        """A band that is there."""
        return Packed.from_bytes(self._place(rows).read_bytes())

    def write(self, rows: Rows, packed: Packed) -> None:
        """Keep a band; where that can't be done, no further ones are kept."""
        try:
            if not self.folder.exists():
                self.folder.mkdir()
                self._ours = self._take()
            if not self._ours:
                return
            if not self.bands:
                self._place(JOURNAL).write_text(json.dumps(self._journal, indent=1), encoding="utf-8")
            place = self._place(rows)
            place.with_suffix(".tmp").write_bytes(packed.to_bytes())
            place.with_suffix(".tmp").replace(place)
            self.bands.add(rows)
        except OSError as error:
            log.warning("%s can't be written (%s): if this run is cut off, it begins anew", self.folder, error.strerror)
            self._ours = False

    def close(self) -> None:
        """Let other runs use the folder."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Clear the folder away, but for what isn't ours."""
        if self._ours and self.folder.exists():
            self._clear()
            with contextlib.suppress(OSError):
                self._place(LOCK).unlink(missing_ok=True)
                self.folder.rmdir()
        self.close()

    def _place(self, name: str | Rows) -> Path:
        return self.folder / (name if isinstance(name, str) else f"{name[0]:06d}-{name[1]:06d}{BAND}")

    def _take(self) -> bool:
        """Whether no other run uses the folder."""
        try:
            self._lock = self._place(LOCK).open("ab")
            if locked(self._lock, without=True):
                return True
        except OSError:
            pass
        self.close()
        log.info("%s is used by another run: nothing is kept for going on", self.folder)
        return False

    def _look(self) -> None:
        """See which bands are there, and throw away what doesn't fit."""
        try:
            told = parse_json(dict[str, Any], read_text(self._place(JOURNAL)))
            changed = [name for name in self._journal if told.get(name) != self._journal[name]]
        except (OSError, ParseError):
            changed = ["journal"]
        if changed:
            log.info("%s is of another run (%s): begun anew", self.folder, ", ".join(changed))
            self._clear()
            return
        for place in sorted(self.folder.glob(f"*{BAND}")):
            rows = self._fitting(place)
            if rows:
                self.bands.add(rows)
            else:
                place.unlink(missing_ok=True)

    def _fitting(self, place: Path) -> Rows | None:
        """Rows of windows of a band that is whole, and lies where the plan has them."""
        try:
            first, stop = map(int, place.stem.split("-"))
            packed = Packed.from_bytes(place.read_bytes())
        except (OSError, ValueError):
            return None
        taken = any(first < other_stop and other < stop for other, other_stop in self.bands)
        if taken or not 0 <= first < stop <= self._plan.grid.rows.count:
            return None
        band = self._plan.rows_of_windows((first, stop))
        fits = (packed.top, packed.bottom, packed.width) == (band.top, band.bottom, self._plan.scene.width)
        return (first, stop) if fits else None

    def _clear(self) -> None:
        with contextlib.suppress(OSError):
            for place in self.folder.iterdir():
                if place.suffix in (BAND, ".tmp") or place.name == JOURNAL:
                    place.unlink(missing_ok=True)
        self.bands.clear()


def journal_of(plan: Plan, engine: Engine) -> dict[str, Any]:
    """All that the stored values of a plan depend on, as JSON gives it back."""
    scene, card = plan.scene, plan.card
    stamps = stamps_of_raster(scene.src.files, name_of(scene.src))
    told = {
        "scene": name_of(scene.src),
        "size": [scene.height, scene.width, str(scene.dtype), list(scene.transform), str(scene.crs)],
        "stamp": [*stamps, _fingerprint(scene)] if any(stamp[1] is None for stamp in stamps) else stamps,
        "model": [card.model_id, card.sha256, card.bands, card.mean, card.std],
        "bands": scene.bands,
        "nodata": scene.data.nodata,
        "scale": plan.value_range,
        "resolution": [plan.rows.seen, plan.cols.seen],
        "overlap": [plan.size, plan.grid.rows.overlap],
        "area": hashlib.sha256(plan.area.polygon.wkb).hexdigest() if plan.area else None,
        "tta": plan.tta,
        "engine": engine.name,
        "device": engine.device.partition(":")[0],
        "precision": engine.precision,
        "versions": _versions(engine),
    }
    return json.loads(json.dumps(told))


def _versions(engine: Engine) -> dict[str, str]:
    found = {"landslide": __version__, "gdal": rasterio.__gdal_version__}
    with contextlib.suppress(metadata.PackageNotFoundError):
        found[engine.name] = metadata.version(engine.name)
    return found


def _fingerprint(scene: Scene) -> int:
    """Checksum of a few small windows from corner to corner, for what has no time of change."""
    size = min(PROBE_SIZE, scene.height, scene.width)
    found = 0
    for number in range(PROBES):
        top, left = ((length - size) * number // (PROBES - 1) for length in (scene.height, scene.width))
        image, _ = scene.read(Window(left, top, size, size))
        found = zlib.crc32(image.tobytes(), found)
    return found


class Keeper:
    """Packs strips as they are finished, in a thread of its own, and keeps each band once it is whole.

    Args:
        kept: Where.
        bands: The bands that follow, in their order.
        width: Columns of the scene.
    """

    def __init__(self, kept: Kept, bands: Iterable[Band], width: int) -> None:
        self._kept, self._bands, self._width = kept, deque(bands), width
        self._packer = Packer(self._bands[0].top, width)
        self._asked = 0
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def add(self, strip: Strip, asked: int) -> None:
        """Add the next strip.

        Args:
            strip: The strip.
            asked: Windows that the network was asked about so far.
        """
        while len(self._waiting) >= STRIPS_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._add, strip, asked))

    def close(self) -> None:
        """Wait for what was added."""
        self._pool.shutdown()
        for done in self._waiting:
            done.result()

    def _add(self, strip: Strip, asked: int) -> None:
        self._packer.add(strip)
        while self._bands and self._bands[0].bottom <= self._packer.bottom:
            band = self._bands.popleft()
            self._kept.write((band.first, band.stop), self._packer.packed(asked - self._asked))
            self._packer, self._asked = Packer(band.bottom, self._width), asked


@contextlib.contextmanager
def keeping(out: Path, plan: Plan, engine: Engine, *, wanted: bool = True) -> Iterator[Kept | None]:
    """Keep finished bands beside an output until the block ends; then the folder goes away.

    Args:
        out: The output.
        plan: What is predicted.
        engine: What predicts.
        wanted: Whether to keep anything, and to take what is there.

    Yields:
        Where bands are kept; None for a scene of a single band.

    Raises:
        KeyboardInterrupt: with a message that says how far the run is.
    """
    if not wanted or plan.grid.rows.count <= plan.band:
        yield None
        return
    kept = Kept(out.with_name(out.name + SUFFIX), plan, engine)
    if kept.bands:
        log.info("%s are there, going on (--no-resume)", kept.told)
    try:
        yield kept
    except KeyboardInterrupt as stop:
        if stop.args:  # the output has its name
            kept.remove()
        elif kept.bands:
            raise KeyboardInterrupt(f"Interrupted; {kept.told} are kept, the same command goes on.") from stop
        raise
    except NothingValidError:
        kept.remove()  # the same command would end in the same way
        raise
    except Exception:
        if kept.bands:
            log.info("%s are kept in %s, the same command goes on", kept.told, kept.folder)
        raise
    else:
        kept.remove()
    finally:
        kept.close()
