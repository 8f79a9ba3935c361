"""A model card as a person reads it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from landslide_cli.model.card import ModelCard

WIDTH = 100
# Shown first and as percentages; what else a card measures follows as it stands there.
SHARES = ("precision", "recall", "f1", "iou", "false_alarm")


def listed(cards: Sequence[ModelCard]) -> str:
    """One line for each model: id, network, resolution, F1, licence in short."""
    rows = [["model", "network", "m per pixel", "F1", "licence"]]
    rows += [[card.model_id, card.network, resolution(card), f1(card), short(card.licence)] for card in cards]
    return table(rows)


def shown(card: ModelCard, *, where: str) -> str:
    """The whole card."""
    from landslide_cli.inventory.confidence import CONFIDENCES, Confidence

    facts = [
        ["model", card.model_id],
        ["network", card.network + "".join(f", {name} {value}" for name, value in card.arguments.items())],
        ["bands", ", ".join(card.bands)],
        ["pixel values", f"{card.value_range[0]:g} to {card.value_range[1]:g}; other types are stretched to that"],
        ["resolution", f"{resolution(card)} m per pixel; other scenes are resampled to that"],
        ["threshold", f"{card.threshold:g}"],
        ["smallest", f"landslides of {card.min_area_m2:g} m²" if card.min_area_m2 else "not measured"],
        ["written by", f"landslide-cli {card.version}" if card.version else "unknown"],
        ["weights", where],
        ["SHA-256", card.sha256],
    ]
    parts = [table(facts), section("Licence of the weights", wrapped(card.licence))]
    if card.training.get("sources"):
        parts.append(
            section("Trained on", *(line for source in card.training["sources"] for line in source_lines(source)))
        )
    for name, measured in card.metrics.items():
        parts.append(section(f"Measured: {name}", *metric_lines(measured)))
    if card.confidence:
        classes = Confidence.of(card.confidence)
        lines = (f"{name}: {classes.says(name)}" for name in CONFIDENCES)
        parts.append(section("Classes of confidence", *(wrapped(line, "- ") for line in lines)))
    if card.known_failures:
        parts.append(section("Known failures", *(wrapped(failure, "- ") for failure in card.known_failures)))
    return "\n\n".join(parts)


def resolution(card: ModelCard) -> str:
    """Trained metres per pixel, as ``2.4 to 3.6``."""
    low, high = card.resolution_m
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def f1(card: ModelCard) -> str:
    """The mean F1 of places never seen, else the pooled one of the test sites, else that of validation, else a dash."""
    for part in ("places", "test", "validation"):
        value = _of(_of(_of(card.metrics, part), "all"), "f1")
        if isinstance(value, int | float):
            return f"{value:.3f} ({part})"
    return "–"


def short(licence: str) -> str:
    """The first sentence of a licence."""
    return textwrap.shorten(licence.split(". ")[0].rstrip("."), 48, placeholder=" …") or "not stated"


def source_lines(source: Any) -> Iterable[str]:
    """A source of training imagery: name, licence, citation, number of chips by part."""
    if not isinstance(source, dict):
        return [wrapped(str(source), "- ")]
    chips = source.get("chips") or {}
    counts = ", ".join(f"{count} {part}" for part, count in chips.items()) if isinstance(chips, dict) else str(chips)
    lines = [wrapped(f"{source.get('name', 'unnamed')}: {source.get('licence') or 'no licence stated'}", "- ")]
    for more in (source.get("citation"), f"chips: {counts}" if counts else None):
        if more:
            lines.append(wrapped(str(more), "  "))
    return lines


def metric_lines(measured: Any) -> list[str]:
    """A table of sites, where the card has one; else the values as they are."""
    if not isinstance(measured, dict):
        return [wrapped(str(measured))]
    sites = {name: values for name, values in measured.items() if isinstance(values, dict)}
    plain = [wrapped(f"{name}: {value}") for name, value in measured.items() if name not in sites]
    if not sites:
        return plain
    found = list(dict.fromkeys(key for values in sites.values() for key in values))
    keys = [key for key in SHARES if key in found] + [key for key in found if key not in SHARES]
    rows = [["site", *(key.replace("_", " ") for key in keys)]]
    rows += [[name, *(number(key, values.get(key)) for key in keys)] for name, values in sites.items()]
    return [table(rows), *plain]


def number(key: str, value: Any) -> str:
    """A value of a metric; a dash where a site has none."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.2%}" if key == "false_alarm" else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, two spaces apart."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def section(title: str, *lines: str) -> str:
    """A title and what stands below it."""
    return "\n".join([title, "-" * len(title), *lines])


def wrapped(text: str, indent: str = "") -> str:
    """Text in lines that a terminal shows."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent))


def _of(values: Any, key: str) -> Any:
    return values.get(key) if isinstance(values, dict) else None
