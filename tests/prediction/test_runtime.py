"""Settings are refused where they are made, each by its name and with what may be given."""

from __future__ import annotations

from typing import Any

import pytest

from landslide_cli.prediction.runtime import ENGINES, MOST_OVERLAP, MOST_WINDOWS, PRECISIONS, Runtime
from tests.conftest import assert_refused


@pytest.mark.parametrize(
    "given",
    [
        *({"engine": engine} for engine in ENGINES),
        *({"precision": precision} for precision in PRECISIONS),
        *({"tta": tta} for tta in (None, "none", "flips", "d4")),
        *({"batch_size": size} for size in (None, 1, MOST_WINDOWS, 2.0)),
        *({"overlap": overlap} for overlap in (0, MOST_OVERLAP)),
        *({"workers": workers} for workers in (None, 1, 300)),
        *({"device": device} for device in ("cpu", "cuda:1", "cuda:0,cuda:1", "cuda:0, cuda:1")),
    ],
    ids=str,
)
def test_what_can_be_is_taken(given: dict[str, Any]) -> None:
    runtime = Runtime(**given)
    assert {name: getattr(runtime, name) for name in given} == given
    assert runtime.elsewhere == (bool(given.get("workers")) or "," in runtime.device)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"engine": "onnx"}, "give one of auto, torch, openvino"),
        ({"engine": None}, "give one of auto, torch, openvino"),
        ({"precision": "fp16"}, "give one of auto, float32, bfloat16, float16, int8"),
        ({"tta": "rotations"}, "give one of none, flips, d4"),
        ({"tta": ""}, "give one of none, flips, d4"),
        *(({"batch_size": size}, "from 1 to 1024") for size in (0, -1, 1.5, True, "2", MOST_WINDOWS + 1, float("nan"))),
        *(({"overlap": overlap}, "from 0 to 256") for overlap in (-1, 0.5, MOST_OVERLAP + 1, float("inf"), None)),
        *(({"workers": workers}, "give a whole number from 1") for workers in (0, -2, 1.5, True, "2", float("nan"))),
        ({"workers": 2, "cluster": "tcp://a:1"}, "give one of both"),
        ({"device": 0}, "give auto, cpu, cuda, cuda:N or mps"),
        *(({"device": device}, "cuda:0,cuda:1") for device in ("cuda:0,cpu", "cpu,cuda:0", "cuda:0,", "cuda,cuda:1")),
        ({"device": "cuda:0,cuda:1", "cluster": "tcp://a:1"}, "name cards of this machine"),
    ],
    ids=str,
)  # fmt: skip
def test_what_can_not_be_is_refused(given: dict[str, Any], told: str) -> None:
    assert_refused(Runtime, given, told)
