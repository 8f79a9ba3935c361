"""OmniCloudMask: `predict_from_array(array, custom_models=...)` on the whole scene in memory.

It normalises each patch by the patch's own mean and deviation, so one pixel has another colour in each patch, and has
no option against it. As shipped it may; at equal work its function for that is replaced by one that keeps the pixels.
"""

from __future__ import annotations

import numpy as np
import omnicloudmask.raster_utils
import rasterio
from asked import request
from common import OVERLAP, SIZE, Classes, counted, network, save_probability, tell, write_polygons
from omnicloudmask import predict_from_array


def main() -> None:
    given = request()
    with rasterio.open(given.scene) as src:
        image = src.read((1, 2, 3))
        nodata = 0 if src.nodata is None else src.nodata
    if given.equal:
        omnicloudmask.raster_utils.channel_norm = lambda patch, nodata_value=0: patch
        counter = counted(given, network(given))
        options = {"patch_size": SIZE, "patch_overlap": OVERLAP, "export_confidence": True, "softmax_output": False}
        probability = predict_from_array(
            image, custom_models=counter, pred_classes=1, inference_device="cpu", no_data_value=nodata, **options
        )[0]
        mask = probability >= given.threshold
        save_probability(given, probability)
    else:
        counter = counted(given, Classes(network(given, highest=None), given.threshold))
        mask = predict_from_array(image, custom_models=counter, pred_classes=2, no_data_value=nodata)[0]
    polygons = write_polygons(np.asarray(mask, dtype=np.uint8), given.scene, given.out)
    tell(polygons, "omnicloudmask", counter)


if __name__ == "__main__":
    main()
