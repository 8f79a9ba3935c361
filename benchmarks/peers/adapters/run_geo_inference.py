"""geo-inference: `GeoInference(..., mask_to_vec=True)(scene, patch_size=...)`, TorchScript to GeoJSON.

Its overlap is always half a window. The probabilities aren't to be had: it writes a mask.
"""

from __future__ import annotations

from asked import request
from common import counted, tell
from geo_inference.geo_inference import GeoInference


def main() -> None:
    given = request()
    inference = GeoInference(
        model=str(given.weights),
        work_dir=str(given.out),
        mask_to_vec=True,
        device="cpu",
        num_classes=1,
        prediction_threshold=given.threshold,
    )
    inference.model = counter = counted(given, inference.model)
    # By itself it takes one worker for each core but one, and fails where there is one core.
    options = {"patch_size": 512} if given.equal else {}
    inference(str(given.scene), bands_requested=["1", "2", "3"], workers=max(1, given.threads - 1), **options)
    (polygons,) = given.out.glob("*_polygons_*.geojson")
    tell(polygons, "geo-inference", counter)


if __name__ == "__main__":
    main()
