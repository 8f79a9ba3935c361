"""The scenes that STAC items name: an item, an item collection or a search result, saved as JSON."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landslide_cli.errors import LandslideWarning, SceneError
from landslide_cli.extras import need
from landslide_cli.parsing import parse_json

if TYPE_CHECKING:
    import pystac

# The key that most catalogues give the picture that a person would look at.
VISUAL = "visual"
RASTERS = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2")
ENDINGS = (".tif", ".tiff", ".jp2", ".vrt")


@dataclass(frozen=True, slots=True)
class Listed:
    """A scene of a list that tells what to call it.

    Attributes:
        path: Where it lies.
        name: Collection and name, as a path of the list's own.
    """

    path: str
    name: Path


def read_items(text: str, place: str | Path, asset: str | None = None) -> list[Listed]:
    """One scene for each item.

    Args:
        text: JSON of an item, an item collection or a search result (STAC 1.0 or 1.1).
        place: The file that it was read from; relative addresses begin there, unless the item tells where it is from.
        asset: The asset that is the scene. By default ``visual``, or the only raster there is.

    Raises:
        SceneError: it isn't such JSON, or an item has no such asset, or several that could be meant.
        MissingExtraError: pystac isn't installed.
    """
    need("pystac", extra="stac", purpose=f"reading STAC items ({place})")
    import pystac

    try:
        told = parse_json(dict[str, Any], text)
        kind = told.get("type")
        if kind not in ("Feature", "FeatureCollection"):
            raise SceneError(
                f"{place} is no list of STAC items but of type {kind!r}; save the items of a search as JSON "
                "(stac-client search --save items.json)"
            )
        features = told["features"] if kind == "FeatureCollection" else [told]
        items = [_item(pystac.Item.from_dict(feature), place) for feature in features]
    except (ValueError, KeyError, TypeError, AttributeError, pystac.STACError, pystac.STACTypeError) as error:
        raise SceneError(
            f"{place} can't be read as STAC items: {type(error).__name__}: {error}; save the items of a search as JSON "
            "(stac-client search --save items.json)"
        ) from error
    _tell_if_not_all(told, len(items), place)
    return [_listed(item, asset) for item in items]


def _item(item: pystac.Item, place: str | Path) -> pystac.Item:
    if "://" not in (item.get_self_href() or ""):
        item.set_self_href(str(Path(place).absolute()))
    return item


def _tell_if_not_all(told: dict[str, Any], count: int, place: str | Path) -> None:
    """Warn of a search result that goes on elsewhere: nobody would see that scenes are missing."""
    matched = told.get("numberMatched") or told.get("context", {}).get("matched") or 0
    goes_on = any(link.get("rel") == "next" for link in told.get("links", []))
    if told.get("type") == "FeatureCollection" and (matched > count or goes_on):
        of = f" of {matched}" if matched > count else ""
        warnings.warn(
            f"{place} holds {count}{of} items and says that there are more; save all pages of the search to do them",
            LandslideWarning,
            stacklevel=4,
        )


def _listed(item: pystac.Item, wanted: str | None) -> Listed:
    key = wanted or _chosen(item)
    if key not in item.assets:
        raise SceneError(f"STAC item {item.id} has no asset {key}: give --asset one of {', '.join(item.assets)}")
    href = item.assets[key].get_absolute_href()
    if not href:
        raise SceneError(f"STAC item {item.id}: asset {key} has no address; save the item with absolute ones")
    # No ending of its own is taken off a name such as S2B_34.5.
    name = f"{item.id.replace('/', '_')}.tif"
    return Listed(href, Path(item.collection_id or "", name))


def _chosen(item: pystac.Item) -> str:
    rasters = [
        key
        for key, asset in item.assets.items()
        if (asset.media_type or "").startswith(RASTERS) or asset.href.split("?")[0].lower().endswith(ENDINGS)
    ]
    pictures = [key for key in rasters if {"thumbnail", "overview"}.isdisjoint(item.assets[key].roles or ())]
    if VISUAL in rasters:
        return VISUAL
    if len(pictures) != 1:
        held = ", ".join(rasters) or "none"
        raise SceneError(
            f"STAC item {item.id} has no asset visual, and not one raster alone ({held}): choose it with --asset NAME"
        )
    return pictures[0]
