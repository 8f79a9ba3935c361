"""What is installed, what it can run on, and whether a run from end to end works."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from landslide_cli._version import __version__
from landslide_cli.errors import LandslideError, counted
from landslide_cli.model.card import checksum, read_card
from landslide_cli.model.weights import DEFAULT_MODEL, installed_weights

NEEDED = ("torch", "rasterio", "geopandas", "pyogrio", "shapely", "pyproj", "numpy", "scipy")
OPTIONAL = {
    "train": "lightning",
    "plot": "matplotlib",
    "export": "onnxruntime",
    "openvino": "openvino",
    "quantize": "nncf",
    "parquet": "pyarrow",
}
PROJ_VARIABLES = ("PROJ_DATA", "PROJ_LIB")
DEMO_SIZE = 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: ``version``, ``environment``, ``device``, ``model`` or ``self-test``.
        name: What was looked at.
        fact: What was found.
        ok: Whether it is as it should be.
    """

    topic: str
    name: str
    fact: str
    ok: bool = True


def examine(*, model: str | Path = DEFAULT_MODEL, device: str = "auto") -> list[Finding]:
    """Look at versions, devices and models, and detect landslides in a small synthetic scene.

    Args:
        model: Model of the self-test.
        device: Device of the self-test.
    """
    return [*versions(), *devices(), *models(), *self_test(model, device), *environment()]


def versions() -> list[Finding]:
    """This package, Python, what is needed and what is optional, with the C libraries inside."""
    import pyogrio
    import pyproj
    import rasterio
    import shapely

    inside = {
        "rasterio": f" with GDAL {rasterio.__gdal_version__}",
        "pyogrio": " with GDAL {}.{}.{}".format(*pyogrio.__gdal_version__),
        "shapely": f" with GEOS {shapely.geos_version_string}",
        "pyproj": f" with PROJ {pyproj.proj_version_str}",
    }
    found = [
        Finding("version", "landslide-cli", __version__),
        Finding("version", "python", f"{platform.python_version()} on {platform.platform()}"),
    ]
    found += [Finding("version", name, version(name) + inside.get(name, "")) for name in NEEDED]
    for extra, name in OPTIONAL.items():
        try:
            found.append(Finding("version", name, version(name)))
        except PackageNotFoundError:
            found.append(Finding("version", name, f"not installed: pip install 'landslide-cli[{extra}]'"))
    return found


def short_versions() -> list[tuple[str, str]]:
    """Program, torch (which isn't imported), GDAL and the weights by their checksum, each by its name."""
    import rasterio

    found = [("landslide", __version__)]
    try:
        found.append(("torch", version("torch")))
    except PackageNotFoundError:
        found.append(("torch", "not installed"))
    found.append(("GDAL", rasterio.__gdal_version__))
    for weights in installed_weights():
        try:
            found.append((weights.stem, read_card(weights.with_suffix(".json")).sha256[:12]))
        except LandslideError as error:
            found.append((weights.stem, str(error)))
    return found


def environment() -> list[Finding]:
    """Variables of other programs that lead PROJ to their data, and whether it still knows coordinate systems."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    set_here = {name: os.environ[name] for name in PROJ_VARIABLES if os.environ.get(name)}
    try:
        known = CRS.from_epsg(32648).is_projected
    except CRSError:
        known = False
    remedy = "" if known else ": no coordinate system is found there, it belongs to another program; unset it"
    return [Finding("environment", name, f"set to {place}{remedy}", known) for name, place in set_here.items()]


def devices() -> list[Finding]:
    """Processor and graphics cards with what torch can do on them; the first one is what ``auto`` takes last."""
    import torch

    native = "bfloat16 in hardware" if torch.cpu.get_capabilities().get("avx512_bf16", False) else "float32 only"
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [Finding("device", "cpu", f"{platform.machine()}, {counted(usable or 1, 'core')}, {native}")]
    for number in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(number)
        found.append(
            Finding(
                "device",
                f"cuda:{number}",
                f"{card.name}, {card.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}",
            )
        )
    if torch.backends.mps.is_available():
        found.append(Finding("device", "mps", "Apple GPU, float32"))
    return found


def models() -> list[Finding]:
    """Each installed model, and whether its weights are those of its card."""
    found = []
    for weights in installed_weights():
        try:
            card = read_card(weights.with_suffix(".json"))
            whole = checksum(weights) == card.sha256
            fact = f"{card.network}, checksum {'right' if whole else 'wrong: the file is damaged, install it again'}"
            found.append(Finding("model", weights.stem, fact, whole))
        except LandslideError as error:
            found.append(Finding("model", weights.stem, str(error), ok=False))
    return found or [Finding("model", "none", "no weights are installed; name your own with --model FILE")]


def self_test(model: str | Path, device: str) -> list[Finding]:
    """Detect in a synthetic scene with known scars, and read the inventory back."""
    with tempfile.TemporaryDirectory() as folder:
        checks: list[tuple[str, Callable[[Path], str]]] = [
            ("scene", _make_scene),
            ("detect", lambda place: _detect(place, model, device)),
            ("inventory", _read_back),
        ]
        found = []
        for name, check in checks:
            try:
                found.append(Finding("self-test", name, check(Path(folder))))
            except Exception as error:  # whatever is wrong here is what the user wants to know
                found.append(Finding("self-test", name, f"{type(error).__name__}: {error}", ok=False))
                break
        return found


def _make_scene(folder: Path) -> str:
    from landslide_cli.demo import write_demo_scene

    scars = write_demo_scene(folder / "demo.tif", folder / "truth.gpkg", size=DEMO_SIZE)
    return f"synthetic, {DEMO_SIZE} x {DEMO_SIZE}, {counted(scars, 'scar')}"


def _detect(folder: Path, model: str | Path, device: str) -> str:
    from landslide_cli.detection.run import detect
    from landslide_cli.inventory.rules import PolygonRules
    from landslide_cli.prediction.runtime import Runtime

    start = time.perf_counter()
    summary = detect(
        folder / "demo.tif", folder / "slides.gpkg", rules=PolygonRules(min_area_m2=50),
        runtime=Runtime(model=model, device=device),
    )  # fmt: skip
    seconds = time.perf_counter() - start
    return (
        f"{summary.model} by {summary.engine} on {summary.device}, {summary.precision}: "
        f"{counted(summary.landslides, 'landslide')} in {seconds:.1f} s"
    )


def _read_back(folder: Path) -> str:
    import geopandas

    slides = geopandas.read_file(folder / "slides.gpkg", layer="landslides")
    scars = geopandas.read_file(folder / "truth.gpkg", layer="landslides")
    if slides.crs != scars.crs or not slides.is_valid.all():
        raise LandslideError("the polygons that were read back are invalid or lie elsewhere; report this")
    met = int(scars.intersects(slides.union_all()).sum())
    return f"read back, valid; {met} of {counted(len(scars), 'scar')} met"
