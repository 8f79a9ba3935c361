"""A set of outputs: refused before any work, and named together or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely

from landslide_cli.errors import OutputError
from landslide_cli.files import FileSet, readback, staged
from landslide_cli.files.staging import PREFIX, SUFFIX, Staging, clear_leftovers, write_journal

NAMES = ("slides.txt", "prob.tif.txt", "item.txt")


class Fault(BaseException):
    """Not an error that anybody catches."""


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def write(folder: Path, text: str, **options: Any) -> None:
    with FileSet([folder / name for name in NAMES], **options).staged() as places:
        for place in places.values():
            place.write_text(text)


def breaking(patch: pytest.MonkeyPatch, number: int, error: BaseException) -> Iterator[int]:
    """Count calls, and let the call of this number that gives, moves or takes a name fail."""
    calls = count()
    for name in ("replace", "rename", "link", "unlink"):
        real = getattr(os, name)

        def call(*given: Any, real: Any = real, **more: Any) -> Any:
            # Clearing away, which names by a folder's number, ignores faults.
            if "dir_fd" not in more and next(calls) == number:
                raise error
            return real(*given, **more)

        patch.setattr(os, name, call)
    return calls


@pytest.mark.parametrize("error", [OSError(13, "Permission denied"), KeyboardInterrupt(), Fault()])
@pytest.mark.parametrize("present", [(), NAMES, NAMES[1:]])
def test_a_fault_at_any_name_leaves_the_old_set_or_the_new_one(
    tmp_path: Path, error: BaseException, present: tuple[str, ...]
) -> None:
    failed = 0
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in present:
            (folder / name).write_text("old")
        before = contents(folder)
        with pytest.MonkeyPatch.context() as patch:
            calls = breaking(patch, number, error)
            try:
                write(folder, "new", overwrite=True)
            except (OutputError, KeyboardInterrupt, Fault):
                failed += 1
            reached = next(calls) > number
        kept = [path for path in folder.iterdir() if path.is_dir()]
        after = {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}
        assert after in (before, dict.fromkeys(sorted(NAMES), "new"))
        for place in kept:
            # What was written isn't lost, and nothing of the work is left beside it.
            assert contents(place) == dict.fromkeys(sorted(NAMES), "new")
        if not reached:
            break
    assert failed >= 2
    assert not reached


KILLED = """
import os, sys
from itertools import count
from pathlib import Path
from landslide_cli.files import FileSet
calls, number, folder = count(), int(sys.argv[1]), Path(sys.argv[2])
for name in ("replace", "rename", "link", "unlink"):
    real = getattr(os, name)
    def call(*given, real=real, **more):
        if next(calls) == number: os._exit(9)
        return real(*given, **more)
    setattr(os, name, call)
with FileSet([folder / name for name in sys.argv[3:]], overwrite=True).staged() as places:
    for place in places.values(): place.write_text("new")
"""


@pytest.mark.slow
def test_after_a_kill_at_any_name_the_next_run_finds_the_old_set_or_the_new_one(tmp_path: Path) -> None:
    found = set()
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in NAMES[:2]:
            (folder / name).write_text("old")
        before = contents(folder)
        done = subprocess.run([sys.executable, "-c", KILLED, str(number), str(folder), *NAMES], check=False)
        # A folder that was emptied, but not removed, looks like one that is being made, for a minute.
        for left in folder.glob(f"{PREFIX}*"):
            os.utime(left, (0, 0))
        with staged(folder / "other.txt") as place:
            place.write_text("x")
        (folder / "other.txt").unlink()
        new = contents(folder) == dict.fromkeys(sorted(NAMES), "new")
        assert new or contents(folder) == before
        found.add(new)
        if done.returncode == 0:
            break
    assert found == {False, True}


def test_a_signal_while_names_are_given_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link
    sent: list[bool] = []

    def link(*given: Any, **more: Any) -> None:
        real(*given, **more)
        if not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(os, "link", link)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a program of its own
    with pytest.raises(KeyboardInterrupt, match="the outputs were complete"):
        write(tmp_path, "new")
    assert contents(tmp_path) == dict.fromkeys(sorted(NAMES), "new")
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_a_journal_finishes_what_has_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    lead = Staging.beside(tmp_path)
    new, name = lead.new / "ours.txt", tmp_path / os.fsdecode(b"G\xfcnter.txt")
    new.write_text("new")
    name.write_text("old")
    write_journal(lead, [(new, name)], [])
    lead.lock.close()  # as at the end of its process
    clear_leftovers(tmp_path)
    assert contents(tmp_path) == {name.name: "new"}


def test_a_run_that_may_open_no_more_files_clears_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Fault), staged(tmp_path / "a.txt") as place:
        (place.parent / "deeper" / "still").mkdir(parents=True)
        (place.parent / "deeper" / "plain.tif").write_text("x")
        # What shutil.rmtree does where a folder can't be opened.
        monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
        raise Fault
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="locks another way")
def test_outputs_are_written_on_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with staged(tmp_path / "a.txt") as place:
        place.write_text("a")
        with staged(tmp_path / "b.txt") as other:
            other.write_text("b")
        assert place.exists(), "the folder of a run that can't be told from a killed one stays"
    assert contents(tmp_path) == {"a.txt": "a", "b.txt": "b"}


def test_what_a_killed_run_left_goes_and_what_runs_now_stays(tmp_path: Path) -> None:
    words = "import os, sys; from pathlib import Path; from landslide_cli.files import staged\n"
    words += "with staged(Path(sys.argv[1])) as place: place.write_text('half'); os._exit(9)"
    subprocess.run([sys.executable, "-c", words, str(tmp_path / "a.txt")], check=False)
    assert [path.suffix for path in tmp_path.iterdir()] == [SUFFIX]
    with staged(tmp_path / "b.txt") as place:
        (left,) = tmp_path.glob(f"{PREFIX}*")
        assert left in place.parents
        place.write_text("b")
        with staged(tmp_path / "c.txt") as other:
            other.write_text("c")
        assert place.exists()
    assert contents(tmp_path) == {"b.txt": "b", "c.txt": "c"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_meanwhile_stays_and_what_was_written_is_kept(tmp_path: Path, overwrite: bool) -> None:
    files = FileSet([tmp_path / name for name in NAMES], overwrite=overwrite)
    with pytest.raises(OutputError, match=r"prob\.tif\.txt was made by somebody else.*landslide-kept-1"):  # noqa: SIM117
        with files.staged() as places:
            for place in places.values():
                place.write_text("ours")
            (tmp_path / NAMES[1]).write_text("theirs")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [NAMES[1]]
    assert (tmp_path / NAMES[1]).read_text() == "theirs"
    assert contents(tmp_path / "landslide-kept-1") == dict.fromkeys(sorted(NAMES), "ours")


def test_what_is_changed_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OutputError, match="was changed by somebody else"):  # noqa: SIM117
        with FileSet([tmp_path / "a.txt"], overwrite=True).staged() as places:
            places[tmp_path / "a.txt"].write_text("ours")
            (tmp_path / "a.txt").write_text("edited")
    assert (tmp_path / "a.txt").read_text() == "edited"


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged(tmp_path / "a.txt") as place:
        place.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_sidecars_of_what_is_replaced_go(tmp_path: Path) -> None:
    stale = [
        "p.tif.aux.xml",
        "p.tif.AUX.XML",
        "p.tif.ovr",
        "p.tif.msk",
        "p.TFW",
        "s.qix",
        "s.sbn",
        "s.shp.xml",
        "s.cpg",
    ]
    others = ["P.tif.aux.xml", "p.tif.zip", "pp.tfw", "s.txt", "t.qix", "p.gpkg-wal"]
    for name in [*stale, *others]:
        (tmp_path / name).write_text("old")
    files = [tmp_path / "p.tif", tmp_path / "s.shp"]
    with pytest.raises(OutputError, match=r"would be taken as a part of p\.tif"):
        FileSet(files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readback, "CHECKS", {})
        with FileSet(files, overwrite=True).staged() as places:
            for place in places.values():
                place.write_text("new")
            (places[files[1]].with_suffix(".cpg")).write_text("new")
    assert set(contents(tmp_path)) == {"p.tif", "s.shp", "s.cpg", *others}
    assert (tmp_path / "s.cpg").read_text() == "new"


def points(path: Path, layer: str) -> None:
    frame = geopandas.GeoDataFrame({"n": range(5)}, geometry=[shapely.Point(i, i) for i in range(5)], crs=32648)
    frame.to_file(path, layer=layer, driver="GPKG")


def test_a_geopackage_of_others_is_refused_with_its_layers(tmp_path: Path) -> None:
    path = tmp_path / "project.gpkg"
    points(path, "field_points")
    points(path, "landslides")
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE qgis_projects (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(OutputError, match="didn't write: field_points, landslides, qgis_projects;"):
        FileSet([path], overwrite=True)
    assert path.read_bytes() == before


HOLDS = """
import sqlite3, sys
con = sqlite3.connect(sys.argv[1]); con.execute("pragma journal_mode=wal")
con.execute("create table if not exists edits (n)"); con.execute("insert into edits values (1)"); con.commit()
print("saved", flush=True); sys.stdin.read()
"""


def test_a_geopackage_that_is_open_is_refused_and_its_log_left_by_a_crash_is_not(tmp_path: Path) -> None:
    path = tmp_path / "slides.gpkg"
    points(path, "landslides")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(path)], stdin=pipe, stdout=pipe, text=True) as qgis:
        assert qgis.stdout is not None
        qgis.stdout.readline()
        with pytest.raises(OutputError, match="is open in another program"):
            FileSet([path], overwrite=True)
        qgis.kill()
    assert (tmp_path / "slides.gpkg-wal").stat().st_size > 0
    with FileSet([path], overwrite=True, layers=["landslides", "edits"]).staged() as places:
        points(places[path], "landslides")
    assert [file.name for file in tmp_path.iterdir()] == ["slides.gpkg"]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert file.execute("select count(*) from sqlite_master where name = 'edits'").fetchone() == (0,)


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "far" / "a.txt")
    with FileSet([tmp_path / "link.txt"]).staged() as places:
        places[tmp_path / "link.txt"].write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert contents(tmp_path / "far") == {"a.txt": "new"}


def test_two_names_of_one_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("scene")
    (tmp_path / "hard.txt").hardlink_to(tmp_path / "s.txt")
    (tmp_path / "soft.txt").symlink_to(tmp_path / "s.txt")
    (tmp_path / "s.tif.aux.xml").write_text("x")
    for names, inputs in [
        (["a.gpkg", "A.gpkg"], []), (["a.gpkg", "a.gpkg"], []), (["hard.txt"], ["s.txt"]), (["soft.txt"], ["s.txt"]),
        (["S.txt"], ["s.txt"]), (["s.txt"], ["file://{}/s.txt"]), (["s.txt"], ["GPKG:{}/s.txt:table"]),
        (["s.txt"], ["/vsizip/{}/s.txt/inside.tif"]), (["s.tif"], ["s.tif.aux.xml"]),
    ]:  # fmt: skip
        sources = [one.format(tmp_path) if ":" in one or "vsi" in one else str(tmp_path / one) for one in inputs]
        with pytest.raises(OutputError, match="are the same file"):
            FileSet([tmp_path / name for name in names], overwrite=True, inputs=sources)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x" * 250 + ".gpkg", "longer than the 247 bytes"),
        ("a\udcfc.gpkg", "not UTF-8"),
        ("a\0.gpkg", "can't be used"),
        ("", "is a folder|no name"),
        ("missing/a.gpkg", "does not exist"),
    ],
)
def test_names_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=told):
        FileSet([Path(name)])


def test_the_longest_names_are_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'滑坡' * 40}.gpkg"
    with FileSet([path]).staged() as places:
        points(places[path], "landslides")
    assert path.exists()


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match=r"the disk of .* is full"), staged(tmp_path / "a.txt") as place:
        place.write_text("half")
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []
