from __future__ import annotations

from pathlib import Path

from landslide_cli.chips.chip import find_chips, split_chips


def test_no_group_stands_on_two_sides(data: Path) -> None:
    parts = split_chips(find_chips(data / "slides"), validation=["b"], test=["c*"])
    groups = [{chip.group for chip in part} for part in parts]
    assert groups == [{"a"}, {"b"}, {"c"}]
