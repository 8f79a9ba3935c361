"""A scene whose bands workers predict, joined here."""

from __future__ import annotations

from landslide_cli.cluster.gathering import Gathering, SceneBands
from landslide_cli.cluster.orders import on_workers
from landslide_cli.cluster.workers import open_workers
from landslide_cli.detection.announcing import announce
from landslide_cli.detection.beginning import Begun
from landslide_cli.detection.joining import Earlier, join
from landslide_cli.detection.summary import Summary
from landslide_cli.prediction.keeping import keeping
from landslide_cli.prediction.runtime import Runtime
from landslide_cli.typing import OnProgress


def detect_elsewhere(begun: Begun, runtime: Runtime, *, on_progress: OnProgress | None = None) -> Summary:
    """Let workers predict a scene that is begun.

    Args:
        begun: The scene.
        runtime: Which workers, and what predicts.
        on_progress: Called after each band with the scene's pixels done and in all.

    Raises:
        LandslideError: as `landslide_cli.detect`.
    """
    plan = begun.plan
    with open_workers(runtime, on_workers(runtime, plan.card.sha256)) as workers:
        plan = plan.shared(workers.count)
        announce(plan, workers.engine)
        with keeping(begun.outputs.inventory, plan, workers.engine, wanted=runtime.resume) as kept:
            (strips,) = Gathering(workers, [SceneBands(plan, kept, on_progress)])
            earlier = Earlier(begun.before) if begun.before else None
            return join(
                plan, workers.engine, strips, begun.outputs, measurer=begun.measurer, files=begun.files,
                earlier=earlier,
            )  # fmt: skip
