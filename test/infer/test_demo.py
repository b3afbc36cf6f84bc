"""The page of ``weaksep demo`` in Chromium: what it saves is what weaksep separates, and nothing is sent anywhere."""

from __future__ import annotations

import http.client
import importlib.util
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

import weaksep
from weaksep.bin import demo as command
from weaksep.errors import UserError
from weaksep.infer import demo
from weaksep.infer.model import save_untrained

RATE = 8000
NET = {"units": 6, "layers": 1, "residual": True}
NAMES = ("bark", "horn", "residual")
PATIENCE_S = 300  # of a busy machine


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that need not be exported, and files in place of onnxruntime-web."""
    for name in demo.RUNTIME_NAMES:
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.setattr(demo, "RUNTIME", tmp_path)
    monkeypatch.setattr(demo, "exported", lambda *of: b"a graph")
    return save_untrained(tmp_path / "my_model", ["bark", "horn"], RATE)


def test_it_serves_its_files_to_this_machine_and_nothing_else(stub: Path) -> None:
    server = demo.make_server(demo.served_files(stub), 0)
    assert server.server_address[0] == "127.0.0.1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)

    def get(path: str) -> tuple[int, str | None, bytes]:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()

    assert get("/")[2] == get("/index.html?x=1")[2] == (demo.PAGE / "index.html").read_bytes()
    assert get("/model.onnx")[2] == b"a graph"
    status, kind, content = get("/model.json")
    facts = json.loads(content)
    assert (status, kind, facts["name"], facts["classes"]) == (200, "application/json", "my_model", ["bark", "horn"])
    assert get("/ort/ort-wasm-simd-threaded.wasm")[1] == "application/wasm"
    assert get("/page.mjs")[1] == "text/javascript; charset=utf-8"
    for path in ("/package.json", "/../infer/demo.py", "/ort/", "/my_model/model.json", "//etc/passwd"):
        assert get(path)[0] == 404
    server.shutdown()
    server.server_close()


@pytest.fixture
def serving(stub: Path) -> Iterator[int]:
    """The port of a server with more to send than the buffers between two programs hold."""
    files = {**demo.served_files(stub), "/model.onnx": demo.Served("application/octet-stream", bytes(30_000_000))}
    with demo.make_server(files, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_page_that_is_closed_while_it_loads_says_nothing(serving: int, capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with socket.create_connection(("127.0.0.1", serving)) as leaving:
        leaving.sendall(b"GET /model.onnx HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert leaving.recv(12) == b"HTTP/1.1 200"
    until(lambda: threading.active_count() <= before)
    assert capfd.readouterr().err == ""


def test_a_file_that_is_gone_is_a_line(
    serving: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / demo.RUNTIME_NAMES[0]).unlink()
    connection = http.client.HTTPConnection("127.0.0.1", serving, timeout=60)
    connection.request("GET", f"/ort/{demo.RUNTIME_NAMES[0]}")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    assert caplog.messages == [f"{tmp_path / demo.RUNTIME_NAMES[0]}: No such file or directory"]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8000", 200), ("LOCALHOST:9000", 200), ("rebound.example:8000", 403), ("127.0.0.1.example", 403)],
)
def test_a_page_elsewhere_whose_name_leads_here_gets_nothing(serving: int, host: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serving, timeout=60)
    connection.request("GET", "/model.json", headers={"Host": host})
    answer = connection.getresponse()
    assert answer.status == status and (b"classes" in answer.read()) == (status == 200)


def test_without_its_runtime_it_says_how_to_get_it(stub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / demo.RUNTIME_NAMES[2]).unlink()
    with pytest.raises(UserError, match=r"onnxruntime-web is missing .*npm ci --ignore-scripts --prefix \S+demo$"):
        command.main([str(stub), "--port", "0"])


def test_a_model_that_is_not_there_comes_before_the_runtime(stub: Path, tmp_path: Path) -> None:
    (tmp_path / demo.RUNTIME_NAMES[2]).unlink()
    with pytest.raises(UserError, match="lost: no such model"):
        command.main([str(tmp_path / "lost"), "--port", "0"])


def test_a_port_that_is_taken(stub: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"^port {port} is in use; give another: --port \d+$"):
            command.main([str(stub), "--port", str(port)])


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_no_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["model", "--port", port])
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture(scope="module")
def page_browser(root: Path) -> ModuleType:
    """How the listening page is opened; skips where there is no browser."""
    spec = importlib.util.spec_from_file_location("page_browser", root / "test/report/test_page_browser.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not (module.BROWSER and module.DRIVER):
        pytest.skip(module.pytestmark.kwargs["reason"])
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("model") / "separator", NAMES[:2], RATE, NET)


@pytest.fixture(scope="module")
def address(model: Path, page_browser: ModuleType) -> Iterator[str]:
    """The command itself, in its own process."""
    for package in ("onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed (weaksep[export])")
    if not all((demo.RUNTIME / name).is_file() for name in demo.RUNTIME_NAMES):
        pytest.skip("onnxruntime-web is not there: npm ci --ignore-scripts --prefix weaksep/demo")
    arguments = [sys.executable, "-m", "weaksep.bin", "demo", str(model), "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0]
        process.terminate()
        assert process.stdout.read() == "ended\n"
    assert process.returncode == 0


@pytest.fixture(scope="module")
def browser(page_browser: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = page_browser.webdriver.ChromeOptions()
    options.binary_location = page_browser.BROWSER
    for option in (*page_browser.OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = page_browser.Service(page_browser.DRIVER)
    driver = page_browser.webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(PATIENCE_S)
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser: Any, address: str, tmp_path: Path) -> Iterator[Any]:
    """The page with its model loaded; afterwards nothing may have been said in the console."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    settings = {"behavior": "allow", "downloadPath": str(downloads)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", settings)
    browser.get(address)
    until(lambda: browser.find_element("id", "status").text == "Ready.")
    yield browser
    assert browser.get_log("browser") == []


def until(condition: Any) -> Any:
    """What the condition says as soon as that is true."""
    ends = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.1)
    return found


def separated_by(browser: Any, file: Path, downloads: Path) -> dict[str, np.ndarray]:
    """Open a file on the page and save all that it makes of it."""
    browser.find_element("id", "file").send_keys(str(file))
    until(lambda: "separated on this machine" in browser.find_element("id", "status").text)
    found = {}
    for card in browser.find_elements("css selector", ".source"):
        name = card.get_attribute("data-source")
        browser.execute_script("arguments[0].click()", card.find_element("css selector", "a"))
        saved = downloads / f"{file.stem}_{name}.wav"
        until(saved.is_file)
        found[name], rate = soundfile.read(saved, dtype="float32")
        assert (rate, soundfile.info(saved).subtype) == (RATE, "PCM_24")
    return found


def made_sound(seconds: float) -> np.ndarray:
    """Bursts of a tone over noise, whose level changes."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time_s)) * (0.01 + 0.03 * (time_s % 7 > 4))
    return (noise + 0.3 * np.sin(2 * np.pi * 440 * time_s) * (time_s % 3 > 2)).astype(np.float32)


def at_model_rate(file: Path) -> np.ndarray:
    """The mean of a file's channels, resampled."""
    audio, rate = soundfile.read(file, dtype="float32", always_2d=True)
    return soxr.resample(audio.mean(axis=1), rate, RATE)


@pytest.mark.parametrize("sound", ["short", "of several chunks", "recorded"])
def test_what_it_saves_is_what_weaksep_separates(
    opened: Any, model: Path, tmp_path: Path, root: Path, sound: str
) -> None:
    audio = made_sound(47.3 if sound == "of several chunks" else 2.1)
    if sound == "recorded":
        recordings = sorted(path for path in (root.parent / "shared/data/ESC-50/audio").rglob("*") if path.is_file())
        if not recordings:
            pytest.skip("there is no recording in ../shared/data")
        audio = at_model_rate(recordings[0])[: 5 * RATE]
    file = tmp_path / "a sound.wav"
    soundfile.write(file, audio, RATE, subtype="FLOAT")
    found = separated_by(opened, file, tmp_path / "downloads")
    wanted = weaksep.load_separator(model)(audio, RATE)
    assert list(found) == ["recording", *NAMES]
    for name, expected in {"recording": audio, **wanted}.items():
        assert found[name].shape == expected.shape
        assert np.abs(found[name] - expected).max() <= 1e-3 * np.abs(audio).max()
    origins = opened.execute_script(
        "return performance.getEntriesByType('resource').map(one => new URL(one.name).origin)"
    )
    assert set(origins) == {opened.execute_script("return location.origin")}


def test_stereo_of_another_rate_comes_as_one_channel(opened: Any, model: Path, tmp_path: Path) -> None:
    time_s = np.arange(3 * 44_100) / 44_100
    stereo = np.stack([0.3 * np.sin(2 * np.pi * 440 * time_s), 0.1 * np.sin(2 * np.pi * 880 * time_s)], axis=1)
    soundfile.write(tmp_path / "tones.flac", stereo, 44_100)
    found = separated_by(opened, tmp_path / "tones.flac", tmp_path / "downloads")
    heard = found["recording"][RATE // 2 : 5 * RATE // 2]  # filters ring at the ends
    for frequency_hz, amplitude in ((440, 0.15), (880, 0.05)):
        wave = np.exp(2j * np.pi * frequency_hz * np.arange(len(heard)) / RATE)
        assert 2 * abs(np.mean(heard * wave)) == pytest.approx(amplitude, rel=0.02)
    np.testing.assert_allclose(sum(found[name] for name in NAMES), found["recording"], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.wav", b"", "empty.wav: the file is empty"),
        ("notes.wav", b"no sound at all", "notes.wav: this browser finds no audio in it that it can decode"),
    ],
)
def test_what_is_no_sound_is_one_line(opened: Any, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    opened.find_element("id", "file").send_keys(str(tmp_path / name))
    line = until(lambda: opened.find_element("id", "error").text)
    assert line == said and opened.find_element("id", "error").get_attribute("role") == "alert"
    assert opened.find_elements("css selector", ".source") == []
    soundfile.write(tmp_path / "good.wav", made_sound(0.5), RATE)
    separated_by(opened, tmp_path / "good.wav", tmp_path / "downloads")
    assert not opened.find_element("id", "error").is_displayed()


def test_it_fits_a_phone_and_is_used_by_keyboard(opened: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    soundfile.write(tmp_path / "good.wav", made_sound(0.5), RATE)
    separated_by(opened, tmp_path / "good.wav", tmp_path / "downloads")
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wide = opened.execute_script("return document.documentElement.scrollWidth")
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 390
    # From the page's beginning on; keys that are sent to an input for files would be taken for a path.
    opened.execute_script("document.body.tabIndex = -1; document.body.focus()")
    reached = []
    for _ in range(4):
        ActionChains(opened).send_keys(Keys.TAB).perform()
        reached.append(opened.execute_script("return document.activeElement.id || document.activeElement.tagName"))
    assert reached == ["file", "record", "A", "AUDIO"]
    nameless = opened.execute_script(
        "return [...document.querySelectorAll('audio, canvas, a, progress, input, button')]"
        ".filter(e => !(e.getAttribute('aria-label') || e.labels?.length || e.textContent)).length"
    )
    assert nameless == 0
