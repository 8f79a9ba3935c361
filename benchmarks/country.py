"""What a country takes: hours by the number of workers, bytes, and what all others wait for.

Every rate is a measured one; where it is from stands beside it. Change them to those of your machines:

    python benchmarks/country.py --worker-mpx-s 40 --imagery-gbit 10
"""

from __future__ import annotations

import argparse

WINDOW, OVERLAP = 512, 64
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)

    def number(name: str, value: float, told: str) -> None:
        parser.add_argument(name, type=float, default=value, help=told)

    number("--km2", 1e6, "area")
    number("--pixel-m", 0.5, "the imagery's")
    number("--seen-m", 2.4, "what the network sees, by the model card")
    number("--windows-s", 456, "of the network of one worker: H200 456, a CPU core 1.0 (docs/performance.md)")
    number("--worker-mpx-s", 40, "read, decoded and resampled by one worker (docs/performance.md: 320 Mpx in 8.0 s)")
    number(
        "--twice",
        0.125,
        "share of windows that the seams of bands cost: one row of windows for each band, of 8 at least",
    )
    number("--joined-mpx-s", 470, "joined by the client on one core (benchmarks/joining.py)")
    number("--image-bytes", 0.5, "of imagery for each pixel, all bands: JPEG 0.1 to 0.5, DEFLATE 2 to 3")
    number("--row-bytes", 0.1, "of packed rows for each pixel, from workers to the client")
    number("--imagery-gbit", 10, "of the line to the imagery, shared by all workers")
    number("--client-gbit", 1, "of the client's line")
    given = parser.parse_args()

    pixels = given.km2 * 1e6 / given.pixel_m**2
    windows = given.km2 * 1e6 / ((WINDOW - OVERLAP) * given.seen_m) ** 2 * (1 + given.twice)
    imagery, rows = pixels * given.image_bytes, pixels * given.row_bytes
    print(f"{given.km2:,.0f} km2 at {given.pixel_m:g} m: {pixels / 1e12:.2f} Tpx, {windows / 1e6:.2f} million windows, "
          f"{imagery / 1e12:.2f} TB of imagery, {rows / 1e12:.2f} TB of rows")  # fmt: skip
    shared = {
        "imagery's line": imagery * 8 / given.imagery_gbit / 1e9 / 3600,
        "client's line": rows * 8 / given.client_gbit / 1e9 / 3600,
        "client's joining": pixels / given.joined_mpx_s / 1e6 / 3600,
    }
    alone = {
        "network": windows / given.windows_s / 3600,
        "reading": pixels * (1 + given.twice) / given.worker_mpx_s / 1e6 / 3600,
    }
    for name, hours in (alone | shared).items():
        until = "" if name in alone else f"; what others wait for from {max(alone.values()) / hours:.0f} workers on"
        print(f"{name:<18} {hours:8.2f} h{' of one worker' if name in alone else ''}{until}")
    print("workers  hours  waits for")
    for count in WORKERS:
        limits = {name: hours / count for name, hours in alone.items()} | shared
        last = max(limits, key=lambda name: limits[name])
        print(f"{count:7}  {limits[last]:5.1f}  {last}")


if __name__ == "__main__":
    main()
