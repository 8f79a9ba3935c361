"""Filters and a review in a real browser: decided with keys, kept over a reload, saved, and read by ``measure``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import geopandas
import pytest

pytest.importorskip("selenium", reason="selenium isn't installed: pip install 'landslide-cli[dev]'")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from landslide_cli import measure
from landslide_cli.inventory.decisions import read_decisions
from tests.report.conftest import Browser, chosen, numbers, ring, show, slides, wait

MakePage = Callable[..., Path]
DOWNLOADS_S = 20


def reviewed(make_page: MakePage) -> Path:
    """A page whose landslides have all that the filters ask for; of 30, one in five was there before."""
    frame = slides(30)
    status = ["not_landslide" if number % 10 == 0 else "unreviewed" for number in range(30)]
    return make_page(frame=frame.assign(new=[number % 5 != 0 for number in range(30)], status=status, note='a, "b"'))


def press(browser: Browser, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def count(browser: Browser) -> str:
    return browser.find_element(By.ID, "count").text


def kept(browser: Browser) -> dict[str, dict[str, str]]:
    """What the browser's own store holds of the inventory."""
    script = """
    const key = Object.keys(localStorage).find((name) => /^landslide:[0-9a-f]{32}$/.test(name));
    return key ? JSON.parse(localStorage.getItem(key)) : {};
    """
    return browser.execute_script(script)


def forget(browser: Browser) -> None:
    browser.execute_script("localStorage.clear()")
    browser.refresh()


def saved(browser: Browser, button: str, folder: Path) -> Path:
    """The file that a button saves."""
    folder.mkdir(exist_ok=True)
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    browser.find_element(By.ID, button).click()
    end = time.monotonic() + DOWNLOADS_S
    while time.monotonic() < end:
        found = [path for path in folder.glob(f"*.{button}") if path.stat().st_size]
        if found and not list(folder.glob("*.crdownload")):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {button} was saved")


def test_filters_narrow_the_table_and_the_map(browser: Browser, make_page: MakePage) -> None:
    show(browser, reviewed(make_page).as_uri())
    frame = slides(30)
    assert count(browser).startswith("30 shown")
    browser.find_element(By.ID, "new-only").click()
    assert count(browser).startswith("24 of 30 shown")
    browser.find_element(By.CSS_SELECTOR, "#filter-confidence input").click()
    high = (frame["prob_mean"] >= 0.75) & (frame.index % 5 != 0)
    assert count(browser).startswith(f"{24 - high.sum()} of 30 shown")
    browser.find_element(By.ID, "no-filters").click()
    low = browser.find_element(By.ID, "area-from")
    low.send_keys("900")
    large = frame["area_m2"] >= 900
    expected = frame[large].sort_values("area_m2", ascending=False)["id"].astype(str).tolist()
    assert numbers(browser) == expected
    assert count(browser) == f"{large.sum()} of 30 shown, {frame['area_m2'][large].sum() / 1e4:.2f} ha."
    # What isn't shown can't be hit on the map either.
    painted = "return [...document.querySelectorAll('.leaflet-slides-pane canvas')].reduce((n, c) => n + c.getContext"
    painted += "('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v > 0).length, 0)"
    some = browser.execute_script(painted)
    browser.find_element(By.ID, "no-filters").click()
    assert browser.execute_script(painted) > some > 0
    rejected = browser.find_elements(By.CSS_SELECTOR, "#filter-status input")[2]
    rejected.click()
    assert count(browser).startswith("27 of 30 shown")


def test_keys_decide_and_go_on_to_the_next_that_nobody_has_looked_at(browser: Browser, make_page: MakePage) -> None:
    show(browser, reviewed(make_page).as_uri())
    forget(browser)
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="0"]').click()
    first, second, third = numbers(browser)[:3]
    press(browser, "r")
    assert chosen(browser) == [second]
    press(browser, "a")
    assert chosen(browser) == [third]
    assert {number: one["status"] for number, one in kept(browser).items()} == {
        first: "not_landslide", second: "landslide",
    }  # fmt: skip
    status = [head.text.split()[0] for head in browser.find_elements(By.CSS_SELECTOR, "th")].index("Status")
    assert numbers(browser, status)[:3] == ["not a landslide", "landslide", "unreviewed"]
    press(browser, "z")
    assert chosen(browser) == [second]
    assert list(kept(browser)) == [first]
    # Letters in a field are letters.
    note = browser.find_element(By.ID, "note")
    note.clear()
    note.send_keys("raz", Keys.ENTER)
    assert kept(browser)[second]["note"] == "raz"
    assert set(kept(browser)) == {first, second}
    forget(browser)


def test_the_map_keeps_up_with_whoever_decides_quickly(browser: Browser, make_page: MakePage) -> None:
    show(browser, reviewed(make_page).as_uri())
    forget(browser)
    wait(browser, lambda: numbers(browser))
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="0"]').click()
    time.sleep(0.6)
    # The map is on its way back to the whole scene when the answers come.
    script = """
    document.getElementById("whole").click();
    const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    setTimeout(() => { for (const key of "raraur") press(key); arguments[0](); }, 100);
    """
    browser.execute_async_script(script)
    assert browser.find_element(By.ID, "decided").text == "6 decisions."
    wait(browser, lambda: all(abs(ring(browser)[side]) < 8 for side in "xy") and ring(browser)["size"] > 60)
    time.sleep(0.5)
    assert ring(browser)["size"] > 60
    forget(browser)


def test_decisions_survive_a_reload_and_measure_reads_what_is_saved(
    browser: Browser, make_page: MakePage, tmp_path: Path
) -> None:
    page = reviewed(make_page)
    show(browser, page.as_uri())
    forget(browser)
    name = browser.find_element(By.ID, "reviewer")
    name.send_keys('María, "Lima"', Keys.TAB)
    assert not browser.find_element(By.ID, "csv").is_enabled()
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="0"]').click()
    decided = numbers(browser)[:3]
    press(browser, "r", "a", "u")
    browser.refresh()
    wait(browser, lambda: numbers(browser))
    assert browser.find_element(By.ID, "decided").text == "3 decisions."
    assert browser.find_element(By.ID, "reviewer").get_attribute("value") == 'María, "Lima"'
    for button in ("csv", "geojson"):
        path = saved(browser, button, tmp_path / button)
        assert path.name == f"slides-decisions.{button}"
        table = read_decisions(path).table.set_index("id")
        said = {str(int(number)): status for number, status in table["status"].items()}
        assert said == dict(zip(decided, ("not_landslide", "landslide", "unsure"), strict=True))
        assert set(table["reviewer"]) == {'María, "Lima"'}
        assert set(table["note"]) == {'a, "b"'}
        made = measure(tmp_path / "slides.gpkg", tmp_path / f"{button}.gpkg", decisions=path)
        assert made.decided == 3
        after = geopandas.read_file(tmp_path / f"{button}.gpkg", layer="landslides").set_index("id")
        assert [after.loc[int(number), "status"] for number in decided] == ["not_landslide", "landslide", "unsure"]
        assert after.loc[int(decided[0]), "reviewed_at"].startswith("20")
    geometry = json.loads((tmp_path / "geojson" / "slides-decisions.geojson").read_text())["features"][0]["geometry"]
    assert geometry["type"] == "Point"
    assert geometry["coordinates"] == pytest.approx([105, 26.66], abs=0.05)
    forget(browser)


def test_decisions_of_another_inventory_are_not_those_of_this_one(browser: Browser, make_page: MakePage) -> None:
    show(browser, make_page(30).as_uri())
    forget(browser)
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="0"]').click()
    press(browser, "r")
    show(browser, make_page(29).as_uri())
    assert browser.find_element(By.ID, "decided").text == "No decisions yet."
    show(browser, make_page(30).as_uri())
    assert browser.find_element(By.ID, "decided").text == "1 decision."
    forget(browser)


def test_a_landslide_without_a_number_of_its_own_is_not_decided(browser: Browser, make_page: MakePage) -> None:
    frame = slides(30)
    frame.loc[frame.index[-1], "id"] = frame.loc[frame.index[-2], "id"]
    show(browser, make_page(frame=frame).as_uri())
    forget(browser)
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="0"]').click()
    assert browser.find_element(By.ID, "nameless").is_displayed()
    press(browser, "r")
    assert kept(browser) == {}


def test_tab_reaches_the_table_after_sorting(browser: Browser, make_page: MakePage) -> None:
    show(browser, make_page(3000).as_uri())
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="1"]').click()
    heads = browser.find_elements(By.CSS_SELECTOR, "th button")
    for _ in range(2):
        # The one that was chosen is out of sight now.
        browser.find_elements(By.CSS_SELECTOR, "th button")[1].click()
        for _ in range(len(heads) - 1):
            press(browser, Keys.TAB)
        row = browser.execute_script("return document.activeElement.dataset.index")
        assert row is not None
        press(browser, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        assert len(chosen(browser)) == 1


def test_all_that_is_needed_is_above_the_fold(browser: Browser, make_page: MakePage) -> None:
    try:
        for height in (900, 760):
            metrics = {"width": 1400, "height": height, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            show(browser, reviewed(make_page).as_uri())
            browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="2"]').click()
            script = "return arguments[0].getBoundingClientRect().bottom"
            for name in ("map", "details", "answers", "geojson"):
                assert browser.execute_script(script, browser.find_element(By.ID, name)) <= height
            assert browser.find_element(By.CSS_SELECTOR, "#details h3").is_displayed()
            wide = "const r = document.getElementById('rows'); return [r.scrollWidth, r.clientWidth]"
            inner, outer = browser.execute_script(wide)
            assert inner <= outer
            assert len(numbers(browser)) > 0
        browser.find_element(By.ID, "all-columns").click()
        inner, outer = browser.execute_script(wide)
        assert inner >= outer
        assert len(browser.find_elements(By.CSS_SELECTOR, "th")) > 5
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
