"""What commands that write an inventory say on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landslide_cli import Summary
    from landslide_cli.batch.summary import BatchSummary


def as_machine_text(summary: Any) -> str:
    """A summary, or a list of them, as JSON."""
    import json
    from dataclasses import asdict

    return json.dumps([asdict(row) for row in summary] if isinstance(summary, list) else asdict(summary))


def as_text(found: Summary) -> str:
    """A summary as a person reads it: how many, how much, where."""
    count = f"{found.landslides} landslide{'s' * (found.landslides != 1)}"
    if found.flat:
        count += f" ({found.flat} more dropped, the ground is too flat)"
    count += novelty(found)
    if found.area_m2 is None or found.analysed_m2 is None:
        size = f"{found.analysed_share:.0%} of the scene analysed, areas unknown without a CRS"
    else:
        size = f"{found.area_m2 / 1e4:.2f} ha of {found.analysed_m2 / 1e4:.2f} ha analysed"
    place = ""
    if found.bounds:
        west, south, east, north = found.bounds
        place = f", {_degrees(south, north, 'SN')}, {_degrees(west, east, 'WE')}"
    return f"{found.out}: {count}, {size}{place}"


def novelty(found: Summary | BatchSummary) -> str:
    """How many are new, where an image of before tells."""
    if found.new is None or found.old is None or found.unseen is None:
        return ""
    parts = [f"{found.new} new"]
    dropped = found.landslides < found.new + found.old + found.unseen
    if found.old:
        parts.append(f"{found.old} more dropped, there before" if dropped else f"{found.old} there before")
    if found.unseen:
        parts.append(f"{found.unseen} on ground not seen before")
    return f" ({', '.join(parts)})"


def _degrees(low: float, high: float, sides: str) -> str:
    return " to ".join(f"{abs(value):.4f}°{sides[value >= 0]}" for value in (low, high))
