"""What a system's polygons and probabilities get wrong, against the network's answer in one pass."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

from landslide_cli.mosaic.encoding import NODATA, STEPS

BORDER = 64  # pixels along the scene's border that are looked at
SAME = 1e-3  # largest difference on one window that passes
STORED = 0.5 / STEPS  # ours is kept in 254 steps

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def window_difference(folder: Path) -> float:
    """Largest difference of one window's probability to the network's own, ours as it is stored."""
    import torch

    kept = folder / "out" / "window.pt"
    found = torch.load(kept)[0, 0].numpy() if kept.exists() else probability(folder)
    return float(np.abs(found - np.load(folder / "window.npy")).max())


def refuse_disagreement(differences: dict[str, float]) -> None:
    """Go on only if all systems ask the same network the same; ours with options may be of another precision.

    Raises:
        ValueError: one doesn't.
    """
    wrong = {name: value for name, value in differences.items() if value > SAME + STORED and " " not in name}
    if wrong:
        raise ValueError(f"not the network's answer for one window: {wrong}")


def probability(folder: Path) -> Floats | None:
    """The last run's mosaic of probabilities; None where the system has none."""
    if (folder / "out" / "probability.npy").exists():
        return np.load(folder / "out" / "probability.npy")
    if (folder / "out" / "probability.tif").exists():
        with rasterio.open(folder / "out" / "probability.tif") as src:
            stored = src.read(1)
        return np.where(stored == NODATA, 0, stored / np.float32(STEPS)).astype(np.float32)
    return None


def check(folder: Path, polygons: str, system: str, level: str, threshold: float) -> dict[str, object]:
    """Compare polygons, and probabilities if there are any, on the scene without collar.

    The mask of ours is kept, for the others to be compared with.
    """
    mask, count = drawn(folder / "check.tif", polygons)
    kept = folder / f"ours_{level}.npy"
    if system == "ours":
        np.save(kept, mask)
    ours = np.load(kept)
    once, beyond, here = np.load(folder / "once.npy"), np.load(folder / "beyond.npy"), probability(folder)
    border = np.ones(mask.shape, dtype=bool)
    border[BORDER:-BORDER, BORDER:-BORDER] = False
    return {
        "system": system,
        "level": level,
        "polygons": count,
        "symmetric_difference": float((mask ^ ours).sum() / max(1, ours.sum())),
        "mask_differs": float((mask ^ (once >= threshold)).mean()),
        "border_mask_differs": float((mask ^ (beyond >= threshold))[border].mean()),
        "border_difference": None if here is None else float(np.abs(here - beyond)[border].mean()),
        "difference": None if here is None else float(np.abs(here - once).mean()),
        "seam": worst_seam(mask, once >= threshold),
        "probability_seam": None if here is None else worst_seam(here, once),
    }


def collar(folder: Path, polygons: str) -> dict[str, object]:
    """Polygons and pixels of them where the scene has no data."""
    with rasterio.open(folder / "collar.tif") as src:
        empty = src.dataset_mask() == 0
    frame = geopandas.read_file(polygons, layer=0)
    inside, _ = drawn(folder / "collar.tif", polygons, every=True)
    if not len(frame):
        return {"collar_polygons": 0, "collar_share": 0.0}
    with rasterio.open(folder / "collar.tif") as src:
        reach = [
            bool((rasterize([shape], out_shape=empty.shape, transform=src.transform) > 0)[empty].any())
            for shape in frame.geometry
        ]
    return {"collar_polygons": sum(reach), "collar_share": float(inside[empty].mean())}


def drawn(scene: Path, polygons: str, every: bool = False) -> tuple[Bools, int]:
    """Polygons as a mask of the scene, and their number.

    geo-inference gives nodata as polygons of the value 255; unless ``every`` is asked for, they aren't landslides.
    """
    frame = geopandas.read_file(polygons, layer=0)
    if "value" in frame and not every:
        frame = frame[frame["value"] != NODATA]
    with rasterio.open(scene) as src:
        shape, transform = (src.height, src.width), src.transform
    if not len(frame):
        return np.zeros(shape, dtype=bool), 0
    return rasterize(frame.geometry, out_shape=shape, transform=transform) > 0, len(frame)


def worst_seam(found: Floats | Bools, once: Floats | Bools) -> float:
    """By how much the mean step across one row or column exceeds that of one pass, where it does so most.

    It asks nobody where the seams are. A scene's true edges are steps in both.
    """
    rises = [steps(found, axis) - steps(once, axis) for axis in (0, 1)]
    return float(max(rise.max() for rise in rises))


def steps(values: Floats | Bools, axis: int) -> Floats:
    """Mean absolute step between neighbours along an axis, for each place on it."""
    step = np.abs(np.diff(values.astype(np.float32), axis=axis))
    return step.mean(axis=1 - axis)
