"""Kinds of bad input: each function lays one into a folder and says which command is to meet it."""

from __future__ import annotations

import json
import os
import resource
import struct
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from tests.conftest import TRANSFORM, UTM, blobs, noise
from tests.faults.mutate import NUMBERS, changed_entries, damaged, odd_text, odd_value
from tests.faults.seeds import LAYOUTS, OTHERS, SIDE, Seeds
from tests.faults.trial import Trial

Kind = Callable[[Random, Seeds, Path], Trial]
EVERYTHING = ["--probability", "out_p.tif", "--mask", "out_m.tif", "--stac"]
ANSWERS = ["landslide", "not_landslide", "unsure", "maybe", "", "NULL"]
SPECIAL = [1e308, -1e308, 1e-300, float("nan"), float("inf"), 0.0, -1.0, 1e12, 4.0]
SYSTEMS = [
    UTM, "EPSG:4326", "EPSG:3857", "EPSG:2056", "EPSG:4978", "EPSG:4979", "EPSG:32648+5773", "EPSG:2263", None,
    'LOCAL_CS["x",UNIT["metre",1]]', "+proj=geos +h=35785831 +lon_0=0 +sweep=y +ellps=WGS84",
    "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39 +lon_0=-6 +datum=WGS84",
    "+proj=tmerc +lat_0=0 +lon_0=105 +k=1e-9 +ellps=WGS84", "+proj=longlat +a=1737400 +b=1737400",
    "+proj=stere +lat_0=90 +ellps=WGS84", "+proj=igh +ellps=WGS84", "EPSG:3031",
]  # fmt: skip


def detect(rng: Random, seeds: Seeds, scene: str = "scene.tif", *more: str) -> list[str]:
    out = rng.choice(["out.gpkg", "out.gpkg", "out.shp", "out.geojson", "out.fgb", "out.parquet"])
    options = rng.choice([[], EVERYTHING, EVERYTHING])
    extra = rng.choice([[], [], [], ["--json"], ["--boundary", "smooth"], ["--connectivity", "8", "--fill-holes", "100"],
                        ["--min-area", "5", "--simplify", "1"], ["--tta", "flips"]])  # fmt: skip
    model = [] if "--model" in more else seeds.model
    return ["detect", scene, "-o", out, *options, *extra, *model, *more]


def scene_bytes(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    name = rng.choice([*LAYOUTS, "uint16", "masked"])
    data, how = damaged(rng, seeds.bytes(f"scene_{name}.tif"))
    (folder / "scene.tif").write_bytes(data)
    words = detect(rng, seeds) if rng.random() < 0.85 else ["info", "scene.tif", *seeds.model]
    return Trial(f"{name} {how}", words, "scene.tif")


def scene_tags(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Entries of the first directory of a TIFF: number, type, count, value."""
    name = rng.choice(["strips", "tiled", "lzw", "jpeg", "deflate", "uint16"])
    data = bytearray(seeds.bytes(f"scene_{name}.tif"))
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    changes = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        place = at + 2 + 12 * rng.randrange(entries)
        (tag,) = struct.unpack_from("<H", data, place)
        what = rng.choice(["tag", "type", "count", "value", "value"])
        if what == "tag":
            struct.pack_into("<H", data, place, rng.choice([256, 257, 258, 273, 322, 33550, 34735, 42113, 0, 65535]))
        elif what == "type":
            struct.pack_into("<H", data, place + 2, rng.choice([0, 1, 2, 3, 4, 5, 12, 16, 999]))
        else:
            number = rng.choice([0, 1, 2, 3, 255, 65535, 100_000, 2**31, 2**32 - 1, rng.randrange(2**32)])
            struct.pack_into("<I", data, place + (4 if what == "count" else 8), number)
        changes.append(f"{what} of {tag}")
    (folder / "scene.tif").write_bytes(data)
    return Trial(f"{name} {', '.join(changes)}", detect(rng, seeds), "scene.tif")


def scene_values(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Number types, values, nodata, coordinate systems and geotransforms that hardly go together."""
    dtype = rng.choice(["uint8", "int8", "int16", "uint16", "int32", "uint32", "uint64", "int64", "float32", "float64"])
    side = rng.choice([1, 2, 3, 31, 64, 96, 150])
    array = noise(rng.choice([1, 3, 3, 4, 5]), side, rng.choice([side, 1, 40])).astype(dtype)
    if array.dtype.kind == "f":
        array[:, :: rng.choice([1, 2, 9])] = rng.choice([float("nan"), float("inf"), 1e38, -1e38, 0])
    else:
        array[:, :: rng.choice([1, 2, 9])] = rng.choice([0, 1, np.iinfo(dtype).max, np.iinfo(dtype).min])
    numbers = [0.8, 0, 500_000, 0, -0.8, 2_950_000]
    for _ in range(rng.choice([0, 0, 1, 2])):
        numbers[rng.randrange(6)] = rng.choice(SPECIAL)
    crs, nodata = rng.choice(SYSTEMS), rng.choice([None, None, 0, 255, float("nan"), -9999, 7])
    if (
        nodata is not None
        and array.dtype.kind != "f"
        and not (nodata == nodata and np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max)
    ):
        nodata = None
    with rasterio.open(
        folder / "scene.tif", "w", driver="GTiff", count=len(array), height=array.shape[1], width=array.shape[2],
        dtype=dtype, crs=crs, transform=Affine(*numbers), nodata=nodata,
    ) as dst:  # fmt: skip
        dst.write(array)
    more = [] if len(array) >= 3 else ["--bands", "1,1,1"]
    if rng.random() < 0.3:
        more += ["--resolution", rng.choice(["0.5", "2", "100", "0.1"])]
    what = f"{dtype} {array.shape} {crs} {numbers} nodata {nodata}"
    return Trial(what, detect(rng, seeds, "scene.tif", *more), "scene.tif")


def scene_sidecars(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Files that GDAL believes beside a scene."""
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    origin = ", ".join(str(rng.choice([*SPECIAL, 500_000])) for _ in range(6))
    system = rng.choice(["EPSG:32648", "garbage", "", "EPSG:999999", "LOCAL_CS[" * 50])
    aux = (
        f"<PAMDataset><SRS>{system}</SRS><GeoTransform>{origin}</GeoTransform><PAMRasterBand band='1'>"
        f"<NoDataValue>{rng.choice(SPECIAL)}</NoDataValue><ColorInterp>{rng.choice(['Alpha', 'Blue', 'x'])}</ColorInterp>"
        "</PAMRasterBand></PAMDataset>"
    )
    name = rng.choice(
        ["scene.tif.aux.xml", "scene.tfw", "scene.tif.msk", "scene.tif.ovr", "scene_rpc.txt", "scene.IMD"]
    )
    content = {
        ".xml": aux.encode(), ".tfw": "\n".join(str(rng.choice(SPECIAL)) for _ in range(rng.choice([2, 6]))).encode(),
    }.get(Path(name).suffix, rng.choice([seeds.bytes("scene_tiled.tif"), seeds.bytes("dem.tif"), odd_text(rng)]))  # fmt: skip
    if rng.random() < 0.4:
        content, _ = damaged(rng, content)
    (folder / name).write_bytes(content)
    return Trial(f"{name} {content[:80]!r}", detect(rng, seeds), "scene.tif")


def scene_sizes(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Sizes and blocks that no memory holds, in files of a few bytes."""
    height, width = rng.choice(
        [(10**6, 10**6 + 1), (10**6, 96), (96, 10**6), (2**31 - 1, 2**31 - 1), (20_000, 20_000), (1, 500_000)]
    )
    kind = rng.choice(["sparse", "vrt", "blocks", "bands"])
    if kind == "sparse":
        with rasterio.open(
            folder / "scene.tif", "w", driver="GTiff", count=3, height=height, width=width, dtype="uint8", crs=UTM,
            transform=TRANSFORM, sparse_ok="TRUE", tiled=True, bigtiff="YES", nodata=rng.choice([None, 0]),
            **({"blockxsize": 2**14, "blockysize": 2**14} if rng.random() < 0.3 else {}),
        ):  # fmt: skip
            pass
        if (folder / "scene.tif").stat().st_size > 50e6:
            (folder / "scene.tif").write_bytes(b"")
        scene = "scene.tif"
    else:
        block = (width, height) if kind == "blocks" else (128, 128)
        count = 3 if kind != "bands" else 60_000
        bands = "".join(
            f'<VRTRasterBand dataType="Byte" band="{n + 1}" blockXSize="{block[0]}" blockYSize="{block[1]}"/>'
            for n in range(count)
        )
        scene = "scene.vrt"
        (folder / scene).write_text(
            f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>EPSG:32648</SRS>'
            f"<GeoTransform>500000, 0.8, 0, 2950000, 0, -0.8</GeoTransform>{bands}</VRTDataset>"
        )
    box = ["--bbox", "500000,2949990,500010,2950000"] if rng.random() < 0.7 else ["--resolution", "2000"]
    words = rng.choice([detect(rng, seeds, scene, *box), ["info", scene, *seeds.model]])
    return Trial(f"{kind} {width} x {height}", words)


def vrt(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    seeds.copy("scene_strips.tif", folder, "part.tif")
    source = rng.choice(
        ["part.tif", "part.tif", "part.tif", "scene.vrt", "missing.tif", "/etc/passwd", "http://127.0.0.1:9/s.tif", "../part.tif",
         "/vsicurl/http://127.0.0.1:9/s.tif", "x" * 5000]
    )  # fmt: skip
    kind = rng.choice(
        ["SimpleSource", "ComplexSource", "KernelFilteredSource", "AveragedSource", "ArraySource", "Nosuch"]
    )
    rect = lambda: " ".join(
        f'{name}="{rng.choice([0, 0, 96, 96, -5, 1e9, "nan", ""]) if rng.random() < 0.3 else value}"'
        for name, value in (("xOff", 0), ("yOff", 0), ("xSize", 96), ("ySize", 96))
    )
    kernel = rng.choice(
        ["", "<Kernel><Size>3</Size><Coefs>0 1 0 1 1 1 0 1 0</Coefs></Kernel>", "<Kernel><Size>999999</Size></Kernel>",
         "<Kernel><Size>3</Size><Coefs>1</Coefs></Kernel>", "<LUT>0:0,nan:5</LUT>", "<ScaleRatio>inf</ScaleRatio>"]
    )  # fmt: skip
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{n}"><{kind}><SourceFilename relativeToVRT="1">{source}</SourceFilename>'
        f"<SourceBand>{rng.choice([n, n, n, 0, 9, 'mask,1'])}</SourceBand><SrcRect {rect()}/><DstRect {rect()}/>{kernel}</{kind}>"
        "</VRTRasterBand>"
        for n in (1, 2, 3)
    )
    origin = "500000, 0.8, 0, 2950000, 0, -0.8" if rng.random() < 0.8 else "nan,nan,nan,nan,nan,nan"
    text = (
        f'<VRTDataset rasterXSize="96" rasterYSize="96"><SRS>EPSG:32648</SRS><GeoTransform>{origin}</GeoTransform>'
        f"{bands}</VRTDataset>"
    ).encode()
    how = ""
    if rng.random() < 0.4:
        text, how = damaged(rng, text)
    (folder / "scene.vrt").write_bytes(text)
    return Trial(f"{kind} of {source[:40]} {kernel[:30]} {how}", detect(rng, seeds, "scene.vrt"), "")


def other_format(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    ending = rng.choice(list(OTHERS))
    path = seeds.copy(f"other.{ending}", folder, f"scene.{ending}")
    data, how = damaged(rng, path.read_bytes()) if rng.random() < 0.8 else (path.read_bytes(), "")
    path.write_bytes(data)
    if rng.random() < 0.5:
        world = {"png": "pgw", "jpg": "jgw", "bmp": "bpw", "jp2": "j2w"}.get(ending, "wld")
        lines = "\n".join(str(rng.choice([*SPECIAL, "x", 0.8])) for _ in range(6))
        (folder / f"scene.{world}").write_text(lines)
        how += f" {world} {lines!r}"
    return Trial(f"{ending} {how}", detect(rng, seeds, f"scene.{ending}"), "")


def aoi_bytes(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    ending = rng.choice([".gpkg", ".geojson", ".shp", ".fgb", ".kml", ".csv", ".parquet", ".gml"])
    path = seeds.copy(f"area{ending}", folder)
    target = rng.choice(sorted(folder.iterdir()))
    data, how = damaged(rng, target.read_bytes())
    target.write_bytes(data)
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    return Trial(f"{target.name} {how}", detect(rng, seeds, "scene.tif", "--aoi", path.name), "scene.tif")


def aoi_shapes(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """GeoJSON that a parser takes and geometry doesn't."""
    seeds.copy("scene_strips.tif", folder, "scene.tif")

    def place() -> list[Any]:
        x = rng.choice([500_010, 500_060, 500_030, 1e308, float("nan"), None, "x", -1e-300, 0])
        y = rng.choice([2_949_950, 2_949_990, 2_949_930, -1e308, float("inf"), 0, 91])
        return [x, y, *rng.choice([[], [], [5], [float("nan")]])]

    ring = [place() for _ in range(rng.choice([0, 1, 3, 4, 5, 50]))]
    ring += ring[:1]
    kind = rng.choice(
        ["Polygon", "MultiPolygon", "GeometryCollection", "LineString", "Point", "CurvePolygon", "", "Polygon"]
    )
    coordinates: Any = {"MultiPolygon": [[ring]], "LineString": ring, "Point": (ring or [[]])[0]}.get(kind, [ring])
    shape: Any = {"type": kind, "coordinates": coordinates}
    if kind == "GeometryCollection":
        for _ in range(rng.choice([1, 3, 200])):
            shape = {"type": kind, "geometries": [shape]}
        shape = {"type": kind, "geometries": [{"type": "Polygon", "coordinates": [ring]}, shape]}
    system = rng.choice([None, "urn:ogc:def:crs:EPSG::32648", "urn:ogc:def:crs:EPSG::999999", "nosuch", 5])
    told = {
        "type": "FeatureCollection", "features": [{"type": "Feature", "properties": odd_value(rng), "geometry": shape}],
    } | ({"crs": {"type": "name", "properties": {"name": system}}} if system else {})  # fmt: skip
    if rng.random() < 0.3:
        told, _ = changed_entries(rng, told)
    (folder / "aoi.geojson").write_text(json.dumps(told))
    return Trial(json.dumps(told)[:300], detect(rng, seeds, "scene.tif", "--aoi", "aoi.geojson"), "scene.tif")


def options(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Values of options: numbers without sense, texts, ranges that are reversed."""
    seeds.copy(rng.choice(["scene_strips.tif", "scene_uint16.tif"]), folder, "scene.tif")
    number = lambda: str(rng.choice([*NUMBERS, "0.5", "3", "-0", "1e400", "0x10", "", "x", "1_000", "٣", "2949700"]))
    lists = lambda most: ",".join(number() for _ in range(rng.randrange(1, most)))
    box = lambda: ",".join(rng.choice(["500000", "500050", "2949950", "2950000", number()]) for _ in range(4))
    all_options: dict[str, Callable[[], str]] = {
        "--bbox": box, "--resolution": number, "--threshold": number, "--min-area": number, "--fill-holes": number,
        "--simplify": number, "--connectivity": number, "--bands": lambda: lists(5), "--scale": lambda: lists(4),
        "--nodata": lambda: rng.choice(["none", number(), "255", "nan"]), "--overlap": number, "--batch-size": number,
        "--device": lambda: rng.choice(["cpu", "cpu:0", "cpu;rm", "cuda:99", "a\nb", ""]),
        "--precision": lambda: rng.choice(["int8", "float16", "float32", "bfloat16", "x"]),
        "--tta": lambda: rng.choice(["none", "flips", "d4", ""]), "--min-slope": number, "--dem": lambda: "scene.tif",
        "--engine": lambda: rng.choice(["torch", "torch", "x"]), "--boundary": lambda: rng.choice(["pixel", "smooth", ""]),
    }  # fmt: skip
    more: list[str] = []
    for name in rng.sample(list(all_options), rng.choice([1, 2, 3])):
        more += [name, all_options[name]()]
    command = rng.choice(["detect", "detect", "info", "polygonize"])
    if command == "polygonize":
        seeds.copy("prob.tif", folder, "prob.tif")
        words = ["polygonize", "prob.tif", "-o", "out.gpkg", *more]
        return Trial(" ".join(words), words, "prob.tif")
    words = ["detect", "scene.tif", "-o", "out.gpkg", *EVERYTHING, *seeds.model, *more]
    if command == "info":
        words = ["info", "scene.tif", *seeds.model, *more]
    return Trial(" ".join(more), words, "scene.tif")


def judging(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Options of what judges a model by chips."""
    seeds.copy("data", folder)
    number = lambda: str(rng.choice([*NUMBERS, "0.5", "3", "-0", "1e400", "1e5", "x", ""]))
    given = {
        "--pixel-size": number, "--resolution": number, "--threshold": number, "--tolerance": number,
        "--groups": lambda: rng.choice(["*", "[", "no", ""]), "--tta": lambda: rng.choice(["flips", "x"]),
        "--plot": lambda: rng.choice(["out.png", "out.x", "", "no/out.png"]), "--batch-size": number,
    }  # fmt: skip
    more = [word for name in rng.sample(list(given), rng.choice([1, 2])) for word in (name, given[name]())]
    sized = [] if "--pixel-size" in more else ["--pixel-size", "0.8"]
    return Trial(" ".join(more), ["evaluate", "data/slides", "data/others", *sized, *seeds.model, *more])


def card(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    (folder / "models").mkdir()
    (folder / "models" / "m.safetensors").write_bytes(seeds.bytes("models/small.safetensors"))
    told, how = changed_entries(rng, json.loads(seeds.bytes("models/small.json")))
    text = json.dumps(told).encode() if rng.random() < 0.8 else odd_text(rng)
    (folder / "models" / "m.json").write_bytes(text)
    model = "models/m.safetensors"
    words = rng.choice(
        [detect(rng, seeds, "scene.tif", "--model", model, "--engine", "torch")] * 3
        + [["models", "show", model], ["models", "show", model, "--json"], ["info", "scene.tif", "--model", model],
           ["doctor", "--model", model]]
    )  # fmt: skip
    return Trial(f"{how} {text[:60]!r}" if text != json.dumps(told).encode() else how, words, "scene.tif")


def weights(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Damaged numbers under their right checksum, so that the loader itself meets them."""
    import hashlib

    seeds.copy("scene_strips.tif", folder, "scene.tif")
    data, how = damaged(rng, seeds.bytes("models/small.safetensors"))
    (folder / "m.safetensors").write_bytes(data)
    told = json.loads(seeds.bytes("models/small.json"))
    if rng.random() < 0.8:
        told["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "m.json").write_text(json.dumps(told))
    return Trial(how, detect(rng, seeds, "scene.tif", "--model", "m.safetensors", "--engine", "torch"), "scene.tif")


def openvino_file(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """What an exported model tells of itself; the checksum of its numbers stays right or wrong."""
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    xml = seeds.bytes("models/small.xml")
    at = xml.find(b"<landslide")
    if rng.random() < 0.7 and at > 0:
        part, how = damaged(rng, xml[at:])
        xml = xml[:at] + part
    else:
        xml, how = damaged(rng, xml)
    (folder / "m.xml").write_bytes(xml)
    (folder / "m.bin").write_bytes(seeds.bytes("models/small.bin"))
    words = detect(rng, seeds, "scene.tif", "--model", "m.xml") if rng.random() < 0.6 else ["models", "show", "m.xml"]
    return Trial(how, words, "scene.tif")


def probability(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    path = folder / "prob.tif"
    kind = rng.choice(["bytes", "bytes", "tags", "values"])
    if kind == "bytes":
        data, what = damaged(rng, seeds.bytes("prob.tif"))
        path.write_bytes(data)
    elif kind == "tags":
        seeds.copy("prob.tif", folder)
        what = f"{rng.choice(['LANDSLIDE_THRESHOLD', 'LANDSLIDE_RESOLUTION_M', 'LANDSLIDE_TTA', 'LANDSLIDE_MODEL'])}"
        with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dst:
            dst.update_tags(**{what: str(odd_value(rng))[:2000]})
    else:
        values = noise(1, 96, 96).astype("float32") / 254
        values[:, :: rng.choice([1, 2])] = rng.choice([float("nan"), float("inf"), -1e-9, 2, 0.3])
        what = f"values {values.min()}"
        numbers = [0.8, 0, 500_000, 0, -0.8, 2_950_000]
        if rng.random() < 0.5:
            numbers[rng.randrange(6)] = rng.choice(SPECIAL)
        nodata, crs = rng.choice([None, -9999, float("nan"), 0]), rng.choice(SYSTEMS)
        with rasterio.open(path, "w", driver="GTiff", count=1, height=96, width=96, dtype="float32", crs=crs, nodata=nodata,
                           transform=Affine(*numbers)) as dst:  # fmt: skip
            dst.write(values)
        what += f" nodata {nodata} {crs} {numbers}"
    more = rng.choice([[], ["--threshold", "0.43"], ["--threshold", "0.3", "--connectivity", "8", "--fill-holes", "100"],
                       ["--threshold", "0.43", "--boundary", "smooth", "--min-area", "30"], ["--table"]])  # fmt: skip
    out = [] if "--table" in more else ["-o", rng.choice(["out.gpkg", "out.shp", "out.parquet"])]
    return Trial(what, ["polygonize", "prob.tif", *out, *more], "prob.tif")


def elevation(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    if rng.random() < 0.5:
        data, what = damaged(rng, seeds.bytes("dem.tif"))
        (folder / "dem.tif").write_bytes(data)
    else:
        heights = np.full((1, 96, 96), rng.choice([*SPECIAL, 1e30]), "float64")
        heights[:, 5:50] = rng.choice([0, 1e30, float("nan"), -9999])
        crs = rng.choice(SYSTEMS)
        what = f"{heights.min()} {crs}"
        with rasterio.open(folder / "dem.tif", "w", driver="GTiff", count=1, height=96, width=96, dtype="float64",
                           crs=crs, transform=TRANSFORM, nodata=rng.choice([None, -9999])) as dst:  # fmt: skip
            dst.write(heights)
    more = rng.choice([[], ["--min-slope", "5"]])
    return Trial(what, detect(rng, seeds, "scene.tif", "--dem", "dem.tif", *more), "scene.tif")


def ledger(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """A batch that is called again after somebody has damaged what it remembers, or wrote."""
    seeds.copy("in", folder)
    seeds.copy("batch", folder, "out")
    files = sorted(path for path in (folder / "out").rglob("*") if path.is_file())
    path = rng.choice(files)
    kind = rng.choice(["entries", "entries", "text", "bytes", "gone", "folder"])
    how = ""
    if kind == "entries":
        path = rng.choice([file for file in files if file.suffix == ".json"] or files)
        told, how = changed_entries(rng, json.loads(path.read_bytes()))
        path.write_text(json.dumps(told))
    elif kind == "text":
        path.write_bytes(odd_text(rng))
    elif kind == "bytes":
        data, how = damaged(rng, path.read_bytes())
        path.write_bytes(data)
    else:
        path.unlink()
        if kind == "folder":
            path.mkdir()
    more = rng.choice([[], ["--overwrite"], ["--dry-run"], ["--json"]])
    words = ["batch", "in", "-o", "out", *seeds.model, *more]
    return Trial(f"{path.name} {kind} {how}", words, keeps=True)


def batch_inputs(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Scenes of all sorts, one of which is sound: the others mustn't stop it."""
    (folder / "in").mkdir()
    seeds.copy("in/a.tif", folder, "in/good.tif")
    what = []
    for number in range(rng.choice([1, 2])):
        name = rng.choice(
            [f"s{number}.tif", f"s{number}.vrt", f"s{number}.png", "\udcff\udcfe.tif", "a\nb.tif", "x" * 200 + ".tif"]
        )
        content, how = rng.choice(
            [damaged(rng, seeds.bytes("scene_lzw.tif")), (odd_text(rng), "text"), (b"", "empty"),
             (b'<VRTDataset rasterXSize="96" rasterYSize="96"><SRS>garbage[</SRS></VRTDataset>', "srs")]
        )  # fmt: skip
        with open(os.fsencode(folder / "in") + b"/" + os.fsencode(name), "wb") as file:  # noqa: PTH123
            file.write(content)
        what.append(f"{name[:20]!a} {how}")
    words = ["batch", "in", "-o", "out", *seeds.model]
    if rng.random() < 0.4:
        text = rng.choice([b"in\n", b"\xff\xfei\x00n\x00", b"# x\n\nin\n", b"nosuch.tif\n", b"\x00", b"in\\*\n"])
        (folder / "list.txt").write_bytes(text)
        words = ["batch", "--list", "list.txt", "-o", "out", *seeds.model]
    return Trial("; ".join(what), words, keeps=True)


def _edited(rng: Random, seeds: Seeds, folder: Path) -> tuple[str, str]:
    """An inventory that somebody edits or spoils, beside its scene; its name, and how."""
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    ending = rng.choice(["gpkg", "gpkg", "geojson", "shp", "fgb", "parquet"])
    seeds.copy(f"{ending}/slides.{ending}", folder)
    if rng.random() < 0.3 and ending == "gpkg":
        import sqlite3
        from contextlib import closing

        column = rng.choice(["area_m2", "prob_mean", "prob_max", "landslide_id", "lon", "id"])
        value = rng.choice([None, -1, 1e308, "x", b"\x00", float("inf")])
        with closing(sqlite3.connect(folder / "slides.gpkg")) as file:
            try:
                names = [row[1] for row in file.execute("PRAGMA table_info(landslides)")]
                column = rng.choice([name for name in names if name not in ("fid", "geom")])
                file.execute("DROP TRIGGER IF EXISTS rtree_landslides_geom_update6")
                file.execute(f'UPDATE landslides SET "{column}" = ?', (value,))
                file.commit()
            except sqlite3.Error:
                pass
        how = f"{column} = {value!r}"
    else:
        target = rng.choice(sorted(path for path in folder.iterdir() if path.stem == "slides"))
        data, how = damaged(rng, target.read_bytes())
        how = f"{target.name} {how}"
        target.write_bytes(data)
    return f"slides.{ending}", how


def edited_inventory(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """An inventory that somebody edits or spoils, for commands that look at it."""
    name, how = _edited(rng, seeds, folder)
    words = rng.choice(
        [["report", name, "--scene", "scene.tif", "-o", "out.html"], ["report", name, "-o", "out.html"],
         ["evaluate", name, "--reference", str(seeds.folder / "area.gpkg"), "--scene", "scene.tif"],
         ["evaluate", str(seeds.folder / "gpkg/slides.gpkg"), "--reference", name, "--scene", "scene.tif"],
         ["chips", "scene.tif", "--labels", name, "-o", "out_chips", "--size", "32"]]
    )  # fmt: skip
    return Trial(f"{how} {words[0]}", words)


def corrected_inventory(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """The same for commands that correct it, bring it together with another, and compare it."""
    name, how = _edited(rng, seeds, folder)
    sound, out = str(seeds.folder / "gpkg/slides.gpkg"), rng.choice(["gpkg", "shp", "geojson", "fgb", "parquet", "kml"])
    measure = ["measure", name, "-o", f"out.{out}"]
    rows = "\n".join(
        f"{rng.choice([1, 2, 3, 99, 'x', '', -1])},{rng.choice(ANSWERS)},{odd_value(rng)}" for _ in range(3)
    )
    (folder / "said.csv").write_text(f"id,status,note\n{rows}\n")
    words = rng.choice(
        [measure, [*measure, "--probability", str(seeds.folder / "prob.tif")], [*measure, "--scene", "scene.tif"],
         [*measure, "--dem", str(seeds.folder / "dem.tif")], [*measure, "--decisions", "said.csv"],
         ["merge", name, sound, "-o", "out.gpkg"], ["changes", name, sound, "-o", "out.gpkg"],
         ["changes", sound, name, "-o", "out.gpkg"]]
    )  # fmt: skip
    return Trial(f"{how} {words[0]}", words)


def report_scene(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    data, how = damaged(rng, seeds.bytes(rng.choice(["scene_lzw.tif", "scene_tiled.tif", "scene_uint16.tif"])))
    (folder / "scene.tif").write_bytes(data)
    seeds.copy("gpkg/slides.gpkg", folder)
    words = [
        "report",
        "slides.gpkg",
        "--scene",
        "scene.tif",
        "-o",
        "out.html",
        "--imagery",
        rng.choice(["0.5", "0.000001", "5"]),
    ]
    return Trial(how, words)


def training_chips(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Images, masks and tables of groups, for what reads them."""
    seeds.copy("data", folder)
    target = rng.choice(sorted(path for path in (folder / "data").rglob("*") if path.is_file()))
    if rng.random() < 0.7:
        data, how = damaged(rng, target.read_bytes())
        target.write_bytes(data)
    else:
        target.write_bytes(odd_text(rng))
        how = "text"
    words = rng.choice(
        [["evaluate", "data/slides", "data/others", "--pixel-size", "0.8", *seeds.model],
         ["evaluate", "data/slides", "--pixel-size", "0.8", "--groups", "*", *seeds.model],
         ["train", "--chips", "data/slides", "--chips", "data/others", "--steps", "1", "--resolution", "0.8", "--network",
          "drs-unet", "-o", "out.safetensors", "--run-dir", "out_run", "-q"]]
    )  # fmt: skip
    return Trial(f"{target.relative_to(folder)} {how}", words, keeps=words[0] == "train")


def recipe(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    told = tomllib.loads(seeds.bytes("recipe.toml").decode())
    kind = rng.choice(["entries", "entries", "entries", "new", "bytes", "text"])
    how = kind
    if kind == "new":
        name = rng.choice(["seed", "learning_rate", "warmup", "ema_decay", "schedule", "tta", "hard_every", "patience",
                           "letterbox", "working_zoom", "encoder", "start", "teacher", "places", "split", "known_failures",
                           "licence", "augmentation", "momentum"])  # fmt: skip
        value = odd_value(rng)
        if name == "augmentation":
            value = {rng.choice(["colour", "jpeg", "tint", "scale_jitter", "grey", "nosuch"]): odd_value(rng)}
        told[name], how = value, f"{name} = {str(value)[:60]}"
    elif kind == "entries":
        told, how = changed_entries(rng, told)
    text = toml(told).encode(errors="surrogatepass")
    if kind == "bytes":
        text, how = damaged(rng, text)
    if kind == "text":
        text = odd_text(rng)
    (folder / "r.toml").write_bytes(text)
    # The chips alone would train for long where a number of steps has grown.
    (folder / "data").symlink_to(seeds.folder / "data")
    words = rng.choice(
        [["train", "r.toml", "--data", "data", "-o", "out.safetensors", "--run-dir", "out_run", "-q"]] * 3
        + [
            [
                "compare",
                "r.toml",
                "--data",
                "data",
                "--networks",
                "drs-unet",
                "-o",
                "out.md",
                "--run-dir",
                "out_run",
                "-q",
            ]
        ]
    )
    return Trial(how, words, keeps=True)


def toml(value: Any, depth: int = 0) -> str:
    """TOML of what JSON can hold; what TOML lacks becomes a text."""
    if isinstance(value, dict) and depth == 0:
        return "\n".join(f"{json.dumps(key)} = {toml(entry, 1)}" for key, entry in value.items())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(entry, 1)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(entry, 1) for entry in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return '"nothing"' if value is None else json.dumps(value)


def names(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Names of files that shells, URIs, XML and terminals take for something else."""
    odd = ["a\nb", "a\tb", "a;b", "a!b", "a?b=c", "a#b", "a%20b", "a&b<c>", "é̀", "日本", "‮abc", "-x", " ", "a'b\"c", "a:b",
           "\udcff\udcfe", "x" * 200, "GPKG:x", "a,b", "{}", "[a]", "*"]  # fmt: skip
    name = rng.choice(odd)
    scene = rng.choice([f"{name}.tif", f"{name}/scene.tif", "scene.tif"])
    (folder / scene).parent.mkdir(exist_ok=True)
    with open(os.fsencode(folder / scene), "wb") as file:  # noqa: PTH123
        file.write(seeds.bytes("scene_strips.tif"))
    out = rng.choice([f"out{name}.gpkg", "out.gpkg", f"out{name}.parquet", f"out{name}.shp", f"out{name}.geojson"])
    given = f"./{scene}" if scene.startswith("-") else scene
    words = rng.choice(
        [["detect", given, "-o", out, "--stac", *seeds.model]] * 3
        + [["demo-scene", f"out{name}.tif", "--size", "256"], ["info", given, *seeds.model]]
    )
    return Trial(ascii(words[:4]), words)


def places(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Outputs that are inputs, folders, links, missing, or already there."""
    seeds.copy("scene_strips.tif", folder, "scene.tif")
    seeds.copy("area.gpkg", folder, "aoi.gpkg")
    (folder / "outlink.gpkg").symlink_to("nowhere/x.gpkg")
    (folder / "out_loop.gpkg").symlink_to("out_loop.gpkg")
    (folder / "outdir.gpkg").mkdir()
    os.mkfifo(folder / "outpipe.gpkg")
    (folder / "out_there.gpkg").write_bytes(rng.choice([b"", b"mine", seeds.bytes("gpkg/slides.gpkg")]))
    targets = ["scene.tif", "aoi.gpkg", "outlink.gpkg", "out_loop.gpkg", "outdir.gpkg", "outpipe.gpkg", "out_there.gpkg", "",
               ".", "/", "/dev/null", "/dev/full", "nowhere/out.gpkg", "out.kml", "out", "SCENE.TIF", "out.gpkg", "/proc/self/x.gpkg",
               "/vsimem/out.gpkg", "http://h/out.gpkg"]  # fmt: skip
    words = ["detect", "scene.tif", "-o", rng.choice(targets), "--aoi", "aoi.gpkg", *seeds.model]
    for option in ("--probability", "--mask"):
        if rng.random() < 0.5:
            words += [option, rng.choice([*targets, "out_p.tif"])]
    return Trial(" ".join(words[:8]), words + rng.choice([[], ["--overwrite"]]), "scene.tif")


def limits(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """A machine that lacks something: room on the disk, open files, memory, permission."""
    seeds.copy("scene_tiled.tif", folder, "scene.tif")
    kind = rng.choice(["size of a file", "open files", "memory", "read only folder"])
    amount = 0
    before: Callable[[], object]
    if kind == "size of a file":
        amount = rng.choice(
            [4000, 8000, 20_000, 60_000, 100_000, rng.randrange(4000, 300_000)]
        )  # what is said needs some too
        before = partial(_limit_size, amount)
    elif kind == "open files":
        amount = rng.randrange(4, 40)
        before = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (amount, amount))
    elif kind == "memory":
        amount = rng.choice([1, 4, 8, 16, 32, 64, 128, 256])
        before = partial(_limit_memory, amount << 20)
    else:
        before = partial(os.chmod, folder, 0o555)
    out = rng.choice(["out.gpkg", "out.gpkg", "out.shp", "out.parquet", "out.fgb", "out.geojson"])
    words = ["detect", "scene.tif", "-o", out, *EVERYTHING, *seeds.model]
    return Trial(f"{kind} {amount} {out}", words, "scene.tif", before=before)


def _limit_size(amount: int) -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (amount, amount))


def _limit_memory(more: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def validity(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Masks, alpha bands, nodata and colours that contradict each other."""
    pixels = blobs(SIDE, SIDE)
    count = rng.choice([3, 4, 5])
    array = np.concatenate([pixels, np.full((count - 3, SIDE, SIDE), rng.choice([0, 255, 1]), np.uint8)])[:count]
    array[:, : rng.choice([0, 10, 90])] = rng.choice([0, 255, 7])
    colours = ["red", "green", "blue", "alpha", "undefined", "gray", "palette", "nir"]
    with rasterio.open(folder / "scene.tif", "w", driver="GTiff", count=count, height=SIDE, width=SIDE, dtype="uint8", crs=UTM,
                       transform=TRANSFORM, nodata=rng.choice([None, 0, 255, 7])) as dst:  # fmt: skip
        dst.write(array)
        chosen = [rng.choice(colours) for _ in range(count)]
        try:
            dst.colorinterp = [rasterio.enums.ColorInterp[name] for name in chosen if name != "nir"] + [
                rasterio.enums.ColorInterp.undefined for name in chosen if name == "nir"
            ]
        except Exception:  # not every colour is one of a TIFF
            chosen = ["as they are"]
        for band in range(1, count + 1):
            if rng.random() < 0.3:
                dst.set_band_description(band, rng.choice(["blue", "green", "red", "B02", "x" * 300, "a\nb"]))
        if rng.random() < 0.3:
            dst.write_mask(pixels[0] > rng.choice([0, 60, 254]))
    more = rng.choice([[], [], ["--nodata", rng.choice(["none", "0", "255"])]])
    return Trial(f"{chosen}", detect(rng, seeds, "scene.tif", *more), "scene.tif")


def noisy_masks(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Probabilities without any order, where polygons touch at corners and hold others: rules must keep them valid."""
    side = rng.choice([5, 20, 60])
    values = np.random.default_rng(rng.randrange(2**32)).integers(0, rng.choice([2, 3, 255]), (1, side, side))
    values = (values * (254 // max(1, int(values.max())))).astype(np.uint8)
    with rasterio.open(folder / "prob.tif", "w", driver="GTiff", count=1, height=side, width=side, dtype="uint8", crs=UTM,
                       transform=TRANSFORM, nodata=255) as dst:  # fmt: skip
        dst.write(values)
        dst.scales = (1 / 254,)
    words = ["polygonize", "prob.tif", "-o", "out.gpkg", "--threshold", rng.choice(["0.3", "0.5", "1"])]
    for option, choices in (("--connectivity", ["4", "8"]), ("--fill-holes", ["0", "1", "50", "inf"]), ("--simplify", ["0", "0.5", "3"]),
                            ("--min-area", ["0", "2"]), ("--boundary", ["pixel", "smooth"])):  # fmt: skip
        if rng.random() < 0.7:
            words += [option, rng.choice(choices)]
    return Trial(" ".join(words[4:]), words, "prob.tif")


def known(rng: Random, seeds: Seeds, folder: Path) -> Trial:
    """Inputs that once fell short."""
    from tests.faults.known import trials

    lay = rng.choice(trials(seeds))
    return lay(folder)


KINDS: dict[str, Kind] = {
    function.__name__.replace("_", " "): function
    for function in (
        scene_bytes, scene_tags, scene_values, scene_sidecars, scene_sizes, vrt, other_format, validity, aoi_bytes, aoi_shapes,
        options, judging, card, weights, openvino_file, probability, noisy_masks, elevation, ledger, batch_inputs, edited_inventory,
        corrected_inventory,
        report_scene, training_chips, recipe, names, places, limits, known,
    )
}  # fmt: skip
