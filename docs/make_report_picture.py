"""Photographs a report for docs/report.md; needs chromium and chromedriver.

landslide report demo/slides.gpkg --scene demo/demo.tif -o demo/report.html
python docs/make_report_picture.py demo/report.html docs/report.png
"""

from __future__ import annotations

import io
import shutil
import sys
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By


def main(page: str, out: str) -> None:
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=1"):
        options.add_argument(word)
    # Named, so that selenium doesn't look for one on the network.
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        metrics = {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(Path(page).resolve().as_uri())
        time.sleep(2)
        browser.find_element(By.CSS_SELECTOR, 'tbody tr[data-index="0"]').click()
        for key in "aaraa":
            browser.switch_to.active_element.send_keys(key)
        browser.find_element(By.ID, "whole").click()
        time.sleep(3)
        picture = Image.open(io.BytesIO(browser.get_screenshot_as_png()))
    finally:
        browser.quit()
    # A palette makes a third of the file; every version of it stays in the history.
    picture.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        out, optimize=True
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
