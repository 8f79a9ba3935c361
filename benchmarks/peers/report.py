"""The tables of a run of `driver.py` as Markdown.

    python report.py FOLDER [--into DOCUMENT]

They are printed and written to `report.md` in the folder; with ``--into`` they also replace what stands between the two
marks in a document.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

BEGIN, END = "<!-- peers: written by benchmarks/peers/report.py -->", "<!-- peers: end -->"
NAMES = {
    "ours": "**landslide**",
    "geo_inference": "geo-inference",
    "omnicloudmask": "OmniCloudMask",
    "geoai": "geoai-py",
}
LEVELS = {"shipped": "As shipped", "equal": "Equal work"}

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    text = report(json.loads((given.folder / "measured.json").read_text()))
    (given.folder / "report.md").write_text(text)
    print(text)
    if given.into:
        document = given.into.read_text()
        head, rest = document.split(BEGIN)
        given.into.write_text(head + BEGIN + "\n\n" + text + "\n" + END + rest.split(END)[1])


def report(measured: Row) -> str:
    """All tables with what they depend on."""
    parts = [conditions(measured)]
    for level, title in LEVELS.items():
        parts += [f"### {title}", speed([row for row in measured["timed"] if row["level"] == level], measured["size"])]
    parts += ["### What each gets wrong", correctness(measured)]
    return "\n\n".join(parts) + "\n"


def conditions(measured: Row) -> str:
    """Machine, versions and scenes in a paragraph, and how far apart the probabilities of one window are."""
    machine = measured["machine"]
    versions = {**machine["packages"], **{named(row["system"]): row["version"] for row in measured["timed"]}}
    listed = ", ".join(f"{name.strip('*')} {version}" for name, version in versions.items() if "," not in name)
    repeats = max(count(measured["timed"]).values())
    apart = max(measured["window"].values())
    threads = f"{machine['threads']} thread{'s' * (machine['threads'] != 1)}"
    return (
        f"{threads} of an {machine['processor']}, Python {machine['python']}; {listed}. Timed on {measured['size']}² "
        f"pixels, {repeats} run{'s' * (repeats != 1)} of each in alternation; checked on {measured['check_size']}² "
        f"pixels, threshold {measured['threshold']:g}. On one window the probabilities of all systems are within "
        f"{apart:.4f} of the network's own (ours are stored in 254 steps)."
    )


def count(rows: Iterable[Row]) -> dict[tuple[str, str], int]:
    """Number of rows of each system and level."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["system"], row["level"])
        found[key] = found.get(key, 0) + 1
    return found


def speed(rows: Sequence[Row], size: int) -> str:
    """Seconds for each megapixel of scene, memory and passes of one level; ratios are to ours."""
    area = size**2 / 1e6
    ours = [row for row in rows if row["system"] == "ours"]
    wall, cpu = (median(row[key] / area for row in ours) for key in ("seconds", "cpu_seconds"))
    lines = []
    for system in dict.fromkeys(row["system"] for row in rows):
        runs = [row for row in rows if row["system"] == system]
        seconds = sorted(row["seconds"] / area for row in runs)
        busy = median(row["cpu_seconds"] / area for row in runs)
        ran_on = f" ({runs[0]['ran_on']})" if "ran_on" in runs[0] else ""
        lines.append([
            named(system) + ran_on, f"{median(seconds):.1f}", f"{seconds[0]:.1f}–{seconds[-1]:.1f}",
            f"{median(seconds) / wall:.2f}", f"{busy:.1f}", f"{busy / cpu:.2f}",
            f"{max(row['peak_mb'] for row in runs) / 1e3:.2f}", str(runs[0]["passes"]),
            f"{runs[0]['pixels'] / 1e6 / area:.2f}",
        ])  # fmt: skip
    heads = [
        "", "s/Mpx", "least–most", "ours = 1", "CPU s/Mpx", "ours = 1", "peak GB", "passes",
        "pixels through the network",
    ]  # fmt: skip
    return table(heads, lines)


def correctness(measured: Row) -> str:
    """What each system gets wrong, both levels below each other."""
    collars = {row["system"]: row for row in measured["collar"]}
    lines = []
    for row in measured["checked"]:
        collar = collars[row["system"]] if row["level"] == "equal" else None
        lines.append([
            f"{named(row['system'])}, {LEVELS[row['level']].lower()}", str(row["polygons"]),
            share(row["symmetric_difference"]), share(row["mask_differs"]), number(row["difference"]),
            number(row["seam"]), number(row["probability_seam"]),
            share(row["border_mask_differs"]), number(row["border_difference"]),
            f"{collar['collar_polygons']} ({share(collar['collar_share'])})" if collar else "",
        ])  # fmt: skip
    heads = [
        "", "polygons", "against ours", "mask, one pass", "probability, one pass", "worst seam, mask",
        "worst seam, probability", "border, mask", "border, probability", "polygons in nodata",
    ]  # fmt: skip
    return table(heads, lines)


def named(system: str) -> str:
    """Name of a row as it is read."""
    adapter, plus, layout = system.partition("+")
    name = NAMES.get(adapter, adapter)
    return f"{name}, {layout} network" if plus else name.replace("ours ", "landslide, ")


def share(value: float) -> str:
    """A part as a percentage."""
    return f"{100 * value:.2f} %"


def number(value: float | None) -> str:
    """A small number, or a dash for none."""
    return "–" if value is None else f"{value:.4f}"


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
