"""The report in a real browser: it needs nothing, says nothing to the console, and does what is clicked."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from affine import Affine

pytest.importorskip("selenium", reason="selenium isn't installed: pip install 'landslide-cli[dev]'")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.conftest import TRANSFORM
from tests.report.conftest import NAME, Browser, chosen, numbers, ring, show, slides, wait


def test_it_is_silent_and_asks_the_network_for_nothing(browser: Browser, make_page: Callable[..., Path]) -> None:
    page = make_page()
    asked: list[str] = []

    class Server(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None: ...

    handler = functools.partial(Server, directory=str(page.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        show(browser, f"http://127.0.0.1:{server.server_port}/page.html")
        browser.find_element(By.ID, "whole").click()
        browser.find_element(By.CSS_SELECTOR, "tbody tr").click()
        browser.find_element(By.CSS_SELECTOR, ".leaflet-control-zoom-out").click()
        assert browser.get_log("browser") == []
        server.shutdown()
    assert asked == ["/page.html"]
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in urls if not url.startswith("data:")] == [f"http://127.0.0.1:{server.server_port}/page.html"]


def test_names_are_text(browser: Browser, make_page: Callable[..., Path]) -> None:
    show(browser, make_page().as_uri())
    assert browser.title == f"Landslides in {NAME}"
    assert browser.find_element(By.TAG_NAME, "h1").text == f"Landslides in {NAME}"
    assert browser.execute_script("return window.harmed") is None


def test_layers_are_switched_on_and_off(browser: Browser, make_page: Callable[..., Path]) -> None:
    show(browser, make_page().as_uri())
    for name, tag in (("scene", "img"), ("slides", "canvas"), ("unknown", "canvas")):
        box = browser.find_element(By.ID, f"show-{name}")
        where = f".leaflet-{name}-pane {tag}"
        assert box.is_selected()
        assert browser.find_elements(By.CSS_SELECTOR, where)
        box.click()
        assert not browser.find_elements(By.CSS_SELECTOR, where)
        box.send_keys(Keys.SPACE)
        wait(browser, lambda where=where: browser.find_elements(By.CSS_SELECTOR, where))
    assert not browser.find_elements(By.ID, "show-probability")


def test_the_table_sorts_by_every_column_both_ways(browser: Browser, make_page: Callable[..., Path]) -> None:
    show(browser, make_page().as_uri())
    frame = slides(30)
    for column, name in enumerate(("id", "area_m2", "prob_mean")):
        for _ in range(2):
            browser.find_elements(By.CSS_SELECTOR, "th button")[column].click()
            heads = browser.find_elements(By.CSS_SELECTOR, "th")
            falling = heads[column].get_attribute("aria-sort") == "descending"
            order = frame.sort_values(name, ascending=not falling)["id"].astype(str).tolist()
            found = numbers(browser)
            assert found == order[: len(found)]
            assert len(found) > 15
        assert [head.get_attribute("aria-sort") for head in heads].count("none") == len(heads) - 1


def test_a_row_jumps_to_its_landslide_and_a_landslide_marks_its_row(
    browser: Browser, make_page: Callable[..., Path]
) -> None:
    show(browser, make_page().as_uri())
    row = browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="4"]')
    number = numbers(browser)[4]
    row.click()
    assert chosen(browser) == [number]
    assert browser.find_element(By.CSS_SELECTOR, "#details h3").text == f"Landslide {number}"

    def centred() -> bool:
        at = ring(browser)
        return abs(at["x"]) < 8 and abs(at["y"]) < 8 and at["size"] > 60

    wait(browser, centred)
    # Down goes to the next row without moving the map; a click on the map's middle comes back.
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert chosen(browser) == [numbers(browser)[5]]
    assert browser.execute_script("return document.activeElement.dataset.index") == "5"
    ActionChains(browser).move_to_element(browser.find_element(By.ID, "map")).click().perform()
    wait(browser, lambda: chosen(browser) == [number])
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="5"]').send_keys(Keys.ENTER)
    wait(browser, centred)


def test_of_many_rows_those_in_sight_exist(browser: Browser, make_page: Callable[..., Path]) -> None:
    show(browser, make_page(5000).as_uri())
    assert len(numbers(browser)) < 80
    browser.find_element(By.CSS_SELECTOR, "th button").click()
    assert numbers(browser)[:3] == ["1", "2", "3"]
    view = browser.find_element(By.ID, "rows")
    browser.execute_script("arguments[0].scrollTop = arguments[0].scrollHeight", view)
    wait(browser, lambda: numbers(browser)[-1] == "5000")
    assert len(numbers(browser)) < 80


@pytest.mark.parametrize(
    ("crs", "transform"),
    [(None, TRANSFORM), ("EPSG:32660", Affine(1, 0, 829_300, 0, -1, 1_000_000)),
     ("EPSG:4326", Affine(1e-5, 0, 179.998, 0, -1e-5, 10))],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_every_kind_of_place_has_a_map(
    browser: Browser, make_page: Callable[..., Path], crs: str | None, transform: Affine
) -> None:
    show(browser, make_page(crs=crs, transform=transform).as_uri())
    browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="2"]').click()
    wait(browser, lambda: abs(ring(browser)["x"]) < 8)
    # What lies in the middle of the map is imagery.
    script = """
    const m = document.getElementById('map').getBoundingClientRect();
    return [...document.querySelectorAll('.leaflet-scene-pane img')].some(i => {
      const r = i.getBoundingClientRect();
      return i.naturalWidth === 256 && r.left <= m.x + m.width / 2 && r.right >= m.x + m.width / 2
        && r.top <= m.y + m.height / 2 && r.bottom >= m.y + m.height / 2;
    });
    """
    wait(browser, lambda: browser.execute_script(script))
    assert browser.get_log("browser") == []


def test_it_fits_a_telephone(browser: Browser, make_page: Callable[..., Path]) -> None:
    try:
        metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        show(browser, make_page().as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_has_a_name_for_those_who_cannot_see(browser: Browser, make_page: Callable[..., Path]) -> None:
    show(browser, make_page().as_uri())
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = ("button", "checkbox", "grid", "image", "application", "link", "columnheader", "heading")
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    assert [role for role, name in named if role in roles and not name] == []
    assert {"checkbox", "grid", "heading", "columnheader"} <= {role for role, _ in named}
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"


def test_on_paper_the_table_stops_after_60_rows(browser: Browser, make_page: Callable[..., Path]) -> None:
    show(browser, make_page(200).as_uri())
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert len(numbers(browser)) == 60
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    wait(browser, lambda: 0 < len(numbers(browser)) < 60)
