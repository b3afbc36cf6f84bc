"""The page as people use it, in Chromium without a window: it plays, sorts, compares, fits a phone, and is silent in
the console."""

from __future__ import annotations

import importlib.util
import math
import shutil
import sys
import time
from pathlib import Path

import pytest

from weaksep.report.figures import write_figures
from weaksep.report.page import write_page

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (weaksep[test])")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium and chromedriver are not installed")

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,900",
)
PATIENCE_S = 30


@pytest.fixture(scope="module")
def page(tmp_path_factory, tiny):
    """A written page: five systems, three mixtures, figures."""
    folder = tmp_path_factory.mktemp("page")
    modules = []
    for name in ("conftest", "page_experiment"):
        spec = importlib.util.spec_from_file_location(f"browser_{name}", Path(__file__).with_name(f"{name}.py"))
        modules.append(importlib.util.module_from_spec(spec))
        sys.modules[spec.name] = modules[-1]
        spec.loader.exec_module(modules[-1])
    conftest, page_experiment = modules
    made = page_experiment.make(folder, tiny, conftest.make_summary())
    report = made.expdir / "report"
    write_figures(report / "figures", made.summary, {}, {}, made.expdir, made.datadir)
    return write_page(report, made.summary, made.scores, made.expdir, made.datadir)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def driver(browser, page):
    """The page, freshly opened; afterwards nothing may have been said in the console."""
    browser.get(page.as_uri())
    until(browser, lambda: clips(browser, ".source"))  # its script has run
    yield browser
    assert browser.get_log("browser") == []


def until(driver, condition):
    """What the condition says as soon as that is true."""
    return WebDriverWait(driver, PATIENCE_S, poll_frequency=0.02).until(lambda _: condition())


def clips(driver, within=""):
    return driver.find_elements(By.CSS_SELECTOR, f"{within} .clip")


def state(driver):
    """(readyState, duration, error) of the player."""
    return driver.execute_script("return (p => [p.readyState, p.duration, p.error])(document.getElementById('player'))")


def bring(driver, element):
    """Scroll an element to the middle, where neither the chooser nor the player covers it."""
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    return element


def test_every_sound_of_the_first_mixture_loads(driver, tiny):
    classes = driver.find_elements(By.CSS_SELECTOR, "#mixture-0 .row[data-class]")
    expected = 1 + 5 * len(classes)  # the mixture; a reference and four systems a class
    sounds = until(driver, lambda: len(found := clips(driver, "#mixture-0")) == expected > 10 and found)
    seen = set()
    for sound in sounds:
        driver.execute_script("arguments[0].click()", sound)
        ready, duration, error = until(driver, lambda: (now := state(driver))[0] >= 2 and now)
        assert error is None and math.isclose(duration, tiny.SECONDS, abs_tol=1e-3) and ready >= 2
        now = driver.find_element(By.ID, "now").text
        assert now == sound.get_attribute("aria-label")
        seen.add(driver.execute_script("return document.getElementById('player').src"))
        assert driver.execute_script("return document.getElementById('player').src").startswith("blob:")
    assert len(seen) == len({sound.get_attribute("data-audio") for sound in sounds})


def test_one_plays_and_stops(driver):
    driver.execute_script(
        "window.times = []; const p = document.getElementById('player');"
        "p.addEventListener('timeupdate', () => times.push(p.currentTime));"
        "p.addEventListener('ended', () => { window.over = true; });"
    )
    sound = bring(driver, clips(driver, "#mixture-0")[0])
    sound.click()
    until(driver, lambda: sound.get_attribute("aria-pressed") == "true")
    until(driver, lambda: driver.execute_script("return window.over"))
    times = driver.execute_script("return times")
    assert max(times) > 0.4 and times == sorted(times)
    until(driver, lambda: sound.get_attribute("aria-pressed") == "false")
    # Repeated, a second press stops it.
    driver.find_element(By.ID, "repeat").click()
    sound.click()
    until(driver, lambda: sound.get_attribute("aria-pressed") == "true")
    time.sleep(0.7)
    assert sound.get_attribute("aria-pressed") == "true"
    sound.click()
    until(driver, lambda: sound.get_attribute("aria-pressed") == "false")
    assert driver.execute_script("return document.getElementById('player').paused")


def test_spectrograms_show_where_the_sound_is(driver):
    """Each made-up class has a band of its own: bark below 900 Hz, drill 1200 to 2400, horn above 2800."""
    bands = {"bark": (100, 900), "drill": (1200, 2400), "horn": (2800, 3800)}
    for row in driver.find_elements(By.CSS_SELECTOR, "#mixture-0 .row[data-class]"):
        reference = bring(driver, row.find_element(By.CSS_SELECTOR, ".clip"))
        until(driver, lambda button=reference: button.get_attribute("data-drawn") == "true")
        brightness = driver.execute_script(
            "const c = arguments[0].querySelector('canvas');"
            "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            "return Array.from({length: c.height}, (_, y) => { let s = 0;"
            " for (let x = 0; x < c.width; x++) s += d[4 * (y * c.width + x)]; return s; })",
            reference,
        )
        low, high = bands[row.get_attribute("data-class")]
        brightness = brightness[::-1]  # from low to high
        bins = range(len(brightness))
        inside = [brightness[b] for b in bins if low + 100 < b * 4000 / (len(brightness) - 1) < high - 100]
        outside = [brightness[b] for b in bins if not low - 200 < b * 4000 / (len(brightness) - 1) < high + 200]
        assert min(inside) > 2 * max(outside)


@pytest.mark.parametrize("key", ["click", Keys.ENTER, Keys.SPACE])
def test_tables_sort(driver, key):
    table = driver.find_element(By.CSS_SELECTOR, "table.sortable")
    heads = table.find_elements(By.CSS_SELECTOR, "thead th")
    column = [head.text.startswith("mean") for head in heads].index(True)

    def press():
        button = bring(driver, heads[column].find_element(By.TAG_NAME, "button"))
        button.click() if key == "click" else button.send_keys(key)

    def values():
        cells = table.find_elements(By.CSS_SELECTOR, f"tbody tr > :nth-child({column + 1})")
        return [float(cell.get_attribute("data-value")) for cell in cells]

    before = values()
    assert {head.get_attribute("aria-sort") for head in heads} == {"none"}
    press()
    assert heads[column].get_attribute("aria-sort") == "descending"
    assert values() == sorted(before, reverse=True) != before
    press()
    assert heads[column].get_attribute("aria-sort") == "ascending"
    assert values() == sorted(before)
    names = heads[0].find_element(By.TAG_NAME, "button")
    driver.execute_script("arguments[0].click()", names)
    assert heads[0].get_attribute("aria-sort") == "ascending" and heads[column].get_attribute("aria-sort") == "none"
    shown = [cell.text for cell in table.find_elements(By.CSS_SELECTOR, "tbody th")]
    assert shown == sorted(shown)


def test_what_has_no_figure_stays_last(driver):
    """Steps: the unprocessed mixture and the oracle have none."""
    table = driver.find_element(By.CSS_SELECTOR, "table.sortable")
    heads = table.find_elements(By.CSS_SELECTOR, "thead th")
    column = [head.text.startswith("steps") for head in heads].index(True)
    for _ in range(2):
        driver.execute_script("arguments[0].click()", heads[column].find_element(By.TAG_NAME, "button"))
        cells = [cell.text for cell in table.find_elements(By.CSS_SELECTOR, f"tbody tr > :nth-child({column + 1})")]
        assert cells[-2:] == ["–", "–"] and "–" not in cells[:-2]


def test_another_system(driver):
    captions = lambda: [c.text for c in driver.find_elements(By.CSS_SELECTOR, "#mixture-1 .source .caption")]  # noqa: E731
    before = captions()
    assert [text.split("\n")[0] for text in before[:4]] == ["strong", "frame", "clip", "oracle_irm"]
    Select(driver.find_element(By.CSS_SELECTOR, "#chooser select")).select_by_visible_text("frame_crnn")
    after = captions()
    assert [text.split("\n")[0] for text in after[:4]] == ["frame_crnn", "frame", "clip", "oracle_irm"]
    assert len(after) == len(before) and all("dB" in text for text in after)
    sound = clips(driver, "#mixture-1")[2]
    assert "frame_crnn" in sound.get_attribute("aria-label")
    driver.execute_script("arguments[0].click()", sound)
    until(driver, lambda: state(driver)[0] >= 2)


def test_a_phone(driver):
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        bring(driver, clips(driver, "#mixture-0")[0]).click()  # so that the bar is there too
        until(driver, lambda: driver.find_element(By.ID, "bar").is_displayed())
        assert driver.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]
        widest = driver.execute_script(
            "return Math.max(...Array.from(document.querySelectorAll('body *')).filter(e => !e.closest('.scroll *'))"
            ".map(e => e.getBoundingClientRect().right))"
        )
        assert widest <= 360
        figures = driver.find_elements(By.CSS_SELECTOR, "figure img")
        assert figures and all(f.rect["x"] >= 0 and f.rect["x"] + f.rect["width"] <= 360 for f in figures)  # whole
        for row in driver.find_elements(By.CSS_SELECTOR, "#mixture-0 .row[data-class]"):
            tops = [source.rect["y"] for source in row.find_elements(By.CSS_SELECTOR, ".source")]
            assert tops[0] == tops[1] < tops[2] == tops[3]  # none stands below the reference
        small = [sound.size for sound in clips(driver, "#mixture-0") if min(sound.size.values()) < 44]
        assert small == []
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_keyboard_reaches_everything(driver):
    active = lambda: driver.switch_to.active_element  # noqa: E731
    body = driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert active().get_attribute("class") == "skip" and active().location["x"] >= 0
    active().send_keys(Keys.ENTER)
    assert active().get_attribute("id") == "main"
    reached = []
    for _ in range(40):
        active().send_keys(Keys.TAB)
        reached.append(active())
        if reached[-1].get_attribute("class") == "clip":
            break
    assert [element.tag_name for element in reached] == ["select"] * 4 + ["button"]
    outline = driver.execute_script("return getComputedStyle(arguments[0]).outlineStyle", active())
    assert outline == "solid"
    first = clips(driver, "#mixture-0")[0]
    active().send_keys(Keys.ENTER)
    until(driver, lambda: state(driver)[0] >= 2)
    assert driver.find_element(By.ID, "now").text == first.get_attribute("aria-label")
    active().send_keys(Keys.TAB)
    assert active() == clips(driver, "#mixture-0")[1]


def test_dark_and_light_differ(driver):
    colour = lambda: driver.execute_script("return getComputedStyle(document.body).backgroundColor")  # noqa: E731
    seen = set()
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        seen.add(colour())
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(seen) == 2


def test_nothing_is_loaded_from_elsewhere(driver):
    names = driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name[:60] for name in names if not name.startswith(("data:", "blob:"))] == []
