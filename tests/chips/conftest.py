from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from landslide_cli.cli import main


def cut(scene: Path, labels: Path, out: Path, *options: str, status: int = 0) -> Result:
    command = ["chips", str(scene), "--labels", str(labels), "-o", str(out), "-q", *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == status, result.output
    return result
