"""tiler: `Tiler` cuts the scene, `Merger` blends; the loop between them is the user's, as in its README.

It has no default for the size of a tile; ours is taken. By default tiles don't overlap and are filled up with zeros.
"""

from __future__ import annotations

import rasterio
import torch
from asked import request
from common import OVERLAP, SIZE, counted, network, save_probability, tell, write_polygons
from tiler import Merger, Tiler


def main() -> None:
    given = request()
    with rasterio.open(given.scene) as src:
        image = src.read((1, 2, 3))
    settings = {"overlap": OVERLAP, "mode": "reflect"} if given.equal else {}
    # Of its windows `triang` is linear over the overlap and, unlike `hann`, not zero at the scene's border.
    blending = {"window": "triang", "save_visits": False} if given.equal else {}
    tiler = Tiler(image.shape, (3, SIZE, SIZE), channel_dimension=0, **settings)
    merger = Merger(Tiler(image.shape[1:], (SIZE, SIZE), **settings), **blending)
    counter = counted(given, network(given))
    with torch.inference_mode():
        for number, tile in tiler(image):
            merger.add(number, counter(torch.from_numpy(tile)[None])[0, 0].numpy())
    probability = merger.merge()
    save_probability(given, probability)
    polygons = write_polygons(probability >= given.threshold, given.scene, given.out)
    tell(polygons, "tiler", counter)


if __name__ == "__main__":
    main()
