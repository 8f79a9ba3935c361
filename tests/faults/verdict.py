"""What the docs promise of every run, held against one."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
import numpy as np
import pyogrio
import rasterio
import shapely

if TYPE_CHECKING:
    from tests.faults.trial import Outcome, Trial

VECTORS = (".gpkg", ".shp", ".geojson", ".fgb", ".parquet")
KEPT = re.compile(r"(^|/)landslide-kept-\d+(/|$)")


def shortcomings(
    trial: Trial, folder: Path, outcome: Outcome, before: dict[str, str], after: dict[str, str], most_bytes: int
) -> list[str]:
    """What isn't as it was promised; empty if all is."""
    short = list(_ended(outcome, most_bytes))
    if outcome.status in (1, 2):
        short += _told(trial, outcome)
    short += [f"changed the input {name}" for name in before if after.get(name) != before[name] and not _ours(name)]
    new = [name for name in after if name not in before and after[name] != "folder"]
    kept = KEPT.search(outcome.stderr)
    for name in new:
        if kept and KEPT.search(name):
            continue
        if not _ours(name):
            short.append(f"left {name} beside the input")
        elif outcome.status != 0 and not trial.keeps:
            short.append(f"left {name} though it failed")
        elif re.search(r"\.landslide-[^/]*\.part", name):
            short.append(f"left {name}")
    if outcome.status == 0 or trial.keeps:
        for name in new:
            if _ours(name):
                short += [f"{name}: {what}" for what in _unsound(folder / name, folder / trial.scene)]
    if outcome.status == 0 and "--json" in trial.words:
        try:
            json.loads(outcome.stdout)
        except ValueError:
            short.append("stdout is no JSON")
    return short


def _ours(name: str) -> bool:
    return name.startswith("out") or "/out" in name


def _ended(outcome: Outcome, most_bytes: int) -> Iterator[str]:
    if outcome.status < 0:
        yield f"died of signal {-outcome.status} after {outcome.seconds:.0f} s"
    elif outcome.status not in (0, 1, 2):
        yield f"status {outcome.status}"
    if outcome.peak_bytes > most_bytes:
        yield f"took {outcome.peak_bytes / 1e6:.0f} MB"
    if "Traceback (most recent call last)" in outcome.stdout + outcome.stderr:
        lines = outcome.stderr.strip().splitlines()
        where = [line.strip() for line in lines if "landslide_cli" in line and line.strip().startswith("File ")]
        place = re.sub(r'.*/(landslide_cli/[^"]+)", line (\d+).*', r"\1:\2", where[-1]) if where else "?"
        yield f"traceback at {place}: {lines[-1][:160]}"


def _told(trial: Trial, outcome: Outcome) -> Iterator[str]:
    """A failure is told in one line, on stderr or, for scenes of a batch and by info, among the results."""
    lines = outcome.stderr.strip().splitlines()
    errors = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
    listed = trial.keeps or trial.words[0] in ("info", "doctor")
    if not errors:
        if not listed:
            yield "no line tells of the error"
    elif len(errors) > 1 or errors[0] != len(lines) - 1:
        yield f"the error takes more than one line: {' / '.join(lines[errors[0] :])[:160]}"
    if "not foreseen" in outcome.stdout + outcome.stderr:
        told = re.search(r"[^\n]*not foreseen", outcome.stdout + outcome.stderr)
        yield f"a fault that was not foreseen: {told[0][:160] if told else ''}"


def _unsound(path: Path, scene: Path) -> Iterator[str]:
    ending = path.suffix.lower()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if ending in VECTORS:
                yield from _unsound_polygons(path)
            elif ending in (".tif", ".png") and path.is_file():
                with rasterio.open(path) as src:
                    src.read(1)
                    if scene.is_file() and path.suffix == ".tif":
                        with rasterio.open(scene) as other:
                            if other.shape != src.shape or not np.allclose(other.transform, src.transform):
                                yield "lies elsewhere than the scene"
            elif ending in (".json", ".xml") and ending == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif ending == ".html" and "Content-Security-Policy" not in path.read_text(encoding="utf-8"):
                yield "has no content security policy"
    except Exception as error:  # whatever it is, it can't be read
        yield f"can't be read: {type(error).__name__} {str(error)[:120]}"


def _unsound_polygons(path: Path) -> Iterator[str]:
    layers = [None]
    if path.suffix == ".gpkg":
        layers = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    for layer in layers:
        frame = geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path, layer=layer)
        shapes = frame.geometry.to_numpy()
        if (invalid := int((~shapely.is_valid(shapes)).sum())) > 0:
            yield f"{invalid} invalid polygons"
        if not np.isfinite(shapely.get_coordinates(shapes)).all():
            yield "coordinates that aren't finite"
