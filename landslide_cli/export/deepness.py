"""What the QGIS plugin Deepness reads from an ONNX file.

The plugin cuts a raster into tiles of one resolution, divides 8-bit pixels by 255, subtracts ``standardization_mean``,
divides by ``standardization_std``, and takes a single output layer between 0 and 1 as the probability of class 1. Keys,
their types and the JSON around them are those of its source: model_base.py, segmentor.py, preprocessing_utils.py and
map_processor_segmentation.py in https://github.com/PUTvision/qgis-plugin-deepness (versions 0.5 to 0.7).
"""

from __future__ import annotations

import json

from landslide_cli.model.card import ModelCard


def deepness_metadata(card: ModelCard, *, size: int, overlap: int) -> dict[str, str]:
    """Metadata of an ONNX file that takes normalised pixels and gives probabilities.

    Args:
        card: The model's card.
        size: Side of the windows in pixels.
        overlap: Pixels that neighbouring windows share.
    """
    low, high = card.value_range
    span = (high - low) / 255
    entries = {
        "model_type": "Segmentor",
        # One output layer stands for two classes there; with the name of one class alone, older versions fail.
        "class_names": {"0": "background", "1": "landslide"},
        # Centimetres per pixel. The plugin has one resolution for all layers; most are finer than the trained range,
        # and `detect` shows those at its fine end.
        "resolution": round(100 * min(card.resolution_m), 1),
        # Documented as tiles_size, read as tile_size.
        "tiles_size": size,
        "tile_size": size,
        "tiles_overlap": round(100 * overlap / size),  # percent
        "standardization_mean": [low / 255 + mean * span for mean in card.mean],
        "standardization_std": [std * span for std in card.std],
        "seg_thresh": card.threshold,
        # The size of a median blur of the mask; 0 leaves the mask as the threshold makes it.
        "seg_small_segment": 0,
    }
    return {name: json.dumps(value) for name, value in entries.items()}
