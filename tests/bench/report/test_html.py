"""The page, used as a reader would in a real browser: every interaction, and no way out of it for a device's text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sdkgen.bench.devices.health import Health
from sdkgen.bench.errors import DeviceError
from sdkgen.bench.plan import Settings
from sdkgen.bench.report.html import page
from sdkgen.bench.report.model import build_report
from sdkgen.bench.report.text import Extra
from sdkgen.bench.results.store import Store
from sdkgen.bench.samples import Recording
from sdkgen.bench.sessions.session import Outcome
from tests.bench import browser as chromium
from tests.bench.browser import Browser
from tests.bench.recordings import cell, identity, recording
from tests.toolchains import require

EVIL = '</script><script>window.pwned=1</script><img src=x onerror="window.pwned=1">\x1b[31m'


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a report of three cells: a CPU, the GPU of an emulated device with a hostile name, one that failed."""
    folder = tmp_path_factory.mktemp("report")
    store = Store(str(folder / "results.sqlite"))
    run = store.begin_run(Settings())
    evil = identity("b", emulated=True, model=EVIL)
    warm = Health(battery_temperature=30.0)
    for number, time in enumerate([4.0, 4.1, 4.2]):
        for who, what, factor in ((identity("a"), cell("cpu"), 1.0), (evil, cell("gpu", model="blazeface-back"), 5.0)):
            times = [time * factor * (1 + 0.01 * (i % 7)) for i in range(60)]
            store.add_session(
                run, number, identity=who, transport="local", runner="litert", cell=what, settings=Settings(),
                outcome=Outcome("complete", recording(times)), health=(warm, warm),
            )  # fmt: skip
    error = DeviceError(f"no GPU {EVIL}", reference="backend-unavailable")
    store.add_session(
        run, 0, identity=identity("a"), transport="local", runner="litert", cell=cell("gpu"), settings=Settings(),
        outcome=Outcome("failed", Recording(), error),
    )  # fmt: skip
    extra = Extra("Beside published figures", ("device", "note"), [("iPhone XS", EVIL)], "A note.")
    target = folder / "report.html"
    target.write_text(page(build_report(store, [run]), store, [extra]), encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def opened(html: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require("chromium", chromium.found(), "install the package chromium")
    made = Browser(tmp_path_factory.mktemp("profile"))
    made.open(html)
    yield made
    made.close()


@pytest.fixture
def reader(opened: Browser, html: Path) -> Browser:
    opened.open(html)
    return opened


def column(reader: Browser, heading: str) -> list[str]:
    at = reader.js(f"[...document.querySelectorAll('#cells th')].findIndex(h => h.textContent === {heading!r})")
    found: list[str] = reader.js(
        f"[...document.querySelectorAll('#cells tbody tr')].filter(r => !r.hidden).map(r => r.cells[{at}].textContent)"
    )
    return found


def heading(reader: Browser, text: str) -> str:
    at = reader.js(f"[...document.querySelectorAll('#cells th')].findIndex(h => h.textContent === {text!r})")
    return f"#cells th:nth-child({at + 1}) button"


def marks(reader: Browser, chart: str) -> int:
    return int(reader.js(f"document.querySelectorAll('#{chart} .sample').length"))


def title(reader: Browser) -> str:
    return str(reader.js("document.getElementById('detail-title').textContent"))


def test_nothing_is_fetched_and_nothing_is_logged(reader: Browser) -> None:
    asked = [e["params"]["request"]["url"] for e in reader.events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []
    wrong = [e for e in reader.events if e["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
    assert wrong == []


def test_a_devices_text_stays_text(reader: Browser, html: Path) -> None:
    assert reader.js("window.pwned") is None
    assert reader.js("document.querySelectorAll('img').length") == 0
    assert "<script>window.pwned" in reader.js("document.querySelector('#cells tbody').textContent")
    assert reader.js("document.querySelectorAll('script').length") == 2
    assert "\x1b" not in html.read_text()


def test_sorting_up_and_down_keeps_empty_rows_below(reader: Browser) -> None:
    reader.click(heading(reader, "median ms"))
    up = column(reader, "median ms")
    assert up[-1] == "–"
    assert [float(text) for text in up[:-1]] == sorted(float(text) for text in up[:-1])
    assert reader.js("document.querySelector('th[aria-sort=ascending]').textContent") == "median ms"
    reader.click(heading(reader, "median ms"))
    down = column(reader, "median ms")
    assert down == [*up[:-1][::-1], "–"]
    reader.click(heading(reader, "model"))
    assert column(reader, "model") == sorted(column(reader, "model"))
    assert reader.js("document.querySelectorAll('th[aria-sort=ascending], th[aria-sort=descending]').length") == 1


def test_the_filter_takes_every_word(reader: Browser) -> None:
    reader.click("#filter")
    reader.send("Input.insertText", text="FRONT gpu")
    assert column(reader, "backend") == ["gpu"]
    reader.send("Input.insertText", text=" nonsense")
    assert column(reader, "backend") == []
    assert reader.js("document.getElementById('none').hidden") is False


def test_the_first_row_with_samples_is_shown(reader: Browser) -> None:
    assert "blazeface-front on cpu" in title(reader)
    assert marks(reader, "series") == 180
    assert marks(reader, "distribution") > 5


def test_rows_are_chosen_with_mouse_and_keyboard(reader: Browser) -> None:
    reader.click("#cells tbody tr[data-cell='1'] td:nth-child(3)")
    assert "blazeface-back on gpu" in title(reader)
    assert reader.js("document.querySelector('tr[aria-selected=true]').dataset.cell") == "1"
    reader.js("document.querySelector(\"tr[data-cell='0']\").focus()")
    reader.key("Enter")
    assert "blazeface-front on cpu" in title(reader)


def test_the_time_shown_can_be_changed(reader: Browser) -> None:
    before = reader.js("document.querySelector('#series .sample title').textContent")
    reader.js("(s => { s.value = '2'; s.dispatchEvent(new Event('change')); })(document.getElementById('measure'))")
    assert marks(reader, "series") == 180
    shown = reader.js("document.querySelector('#distribution .mark + text').textContent")
    assert shown.startswith("median")
    assert before.startswith("session 1")


def test_sessions_can_be_hidden(reader: Browser) -> None:
    assert reader.js("document.querySelectorAll('#legend button').length") == 3
    reader.click("#legend li:first-child button")
    assert marks(reader, "series") == 120
    assert reader.js("document.querySelector('#legend button').getAttribute('aria-pressed')") == "false"
    reader.click("#legend li:first-child button")
    assert marks(reader, "series") == 180
    for item in (1, 2, 3):
        reader.click(f"#legend li:nth-child({item}) button")
    assert "no samples" in reader.js("document.getElementById('series').textContent")


def test_a_sample_says_what_it_is(reader: Browser) -> None:
    reader.hover("#series .sample:nth-of-type(5)")
    assert "session 1" in reader.js("document.getElementById('point').textContent")
    reader.hover("#distribution .sample")
    assert "samples from" in reader.js("document.getElementById('point').textContent")


def test_a_cell_that_failed_says_why(reader: Browser) -> None:
    reader.click("#cells tbody tr[data-cell='2'] td:nth-child(3)")
    assert reader.js("document.getElementById('errors').hidden") is False
    assert "backend-unavailable: no GPU" in reader.js("document.getElementById('errors').textContent")
    assert "no samples" in reader.js("document.getElementById('distribution').textContent")


def test_further_tables_are_shown(reader: Browser) -> None:
    assert "iPhone XS" in reader.js("document.querySelector('section.extra table').textContent")


def test_it_can_be_looked_at(reader: Browser, tmp_path: Path) -> None:
    reader.screenshot(tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 20_000
