"""geoai: `predict_geotiff` to a mask raster, then `raster_to_vector`."""

from __future__ import annotations

import numpy as np
from asked import request
from common import OVERLAP, SIZE, counted, network, save_probability, tell
from geoai.inference import predict_geotiff
from geoai.utils.raster import raster_to_vector


def main() -> None:
    given = request()

    def thresholded(probability: np.ndarray) -> np.ndarray:
        save_probability(given, probability[0])
        return (probability >= given.threshold).astype(np.uint8)

    # As shipped, pixels are divided by 255 on the way.
    counter = counted(given, network(given, highest=255.0 if given.equal else 1.0))
    equal = {"tile_size": SIZE, "overlap": OVERLAP, "batch_size": 1, "preprocess_fn": lambda tile: tile}
    mask, polygons = given.out / "mask.tif", given.out / "slides.gpkg"
    predict_geotiff(
        counter,
        str(given.scene),
        str(mask),
        input_bands=[1, 2, 3],
        output_dtype="uint8",
        output_nodata=255,
        postprocess_fn=thresholded,
        **(equal if given.equal else {}),
    )
    raster_to_vector(str(mask), str(polygons), **({"min_area": 0} if given.equal else {}))
    tell(polygons, "geoai-py", counter)


if __name__ == "__main__":
    main()
