"""What of a scene is seen is refused where it is said, by its name and with what may be given."""

from __future__ import annotations

from typing import Any

import pytest

from landslide_cli.scene.view import View
from tests.conftest import assert_refused

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "given",
    [
        {"bands": (1,)}, {"bands": (3, 2, 1)}, {"scale": (0.0, 1e-9)}, {"scale": (-5.0, 3.0)}, {"resolution_m": 1e-9},
        {"bbox": (0.0, 0.0, -1.0, 5.0)}, {"nodata": "none"}, {"nodata": 0}, {"nodata": -1e300}, {"allow_remote": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_can_be_is_taken(given: dict[str, Any]) -> None:
    view = View(**{name: list(value) if isinstance(value, tuple) else value for name, value in given.items()})
    assert {name: getattr(view, name) for name in given} == given  # lists become what can't be changed


@pytest.mark.parametrize(
    ("given", "told"),
    [
        *(({"bands": bands}, "give whole numbers from 1") for bands in ((), (0,), (1, 1.5), (1, True), (-1, 2))),
        *(({"scale": pair}, "the lower first") for pair in ((1, 1), (2, 1), (1,), (1, 2, 3), (0, NAN), (0, INF))),
        *(({"resolution_m": metres}, "more than 0") for metres in (0, -1, NAN, INF, "2", True)),
        *(({"bbox": box}, "left, bottom, right, top") for box in ((1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, NAN))),
        *(({"nodata": value}, "or none if every value is data") for value in (NAN, INF, "no", True, [0])),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_not_be_is_refused(given: dict[str, Any], told: str) -> None:
    assert_refused(View, given, told)
