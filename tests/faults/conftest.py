from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.seeds import Seeds
from tests.faults.sweep import made_seeds


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    """Sound files of every kind, made in another process: one that forks must have no threads."""
    given = os.environ.get("LANDSLIDE_SOUND_FILES")
    return Seeds(Path(given)) if given else made_seeds(tmp_path_factory.mktemp("faults") / "seeds")
