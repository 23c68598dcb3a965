"""The page holds everything, loads nothing, and works in a real browser."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from cebra_ethan.errors import DataError, DataIntegrityError
from cebra_ethan.report import build_report
from cebra_ethan.report.folders import read_run
from cebra_ethan.report.numbers import number_text
from cebra_ethan.report.viewer import embedding_payload
from tests.experiments.toy import EXPERIMENT, ToyConfig

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None
)
# WebGL without a graphics card
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "toy"
    EXPERIMENT.run(ToyConfig.from_preset("smoke"), out)
    return out


@pytest.fixture(scope="module")
def page(folder):
    return build_report([folder, folder], folder.parent / "report.html", failures={"gone": "x<y"})


@pytest.fixture
def damaged(folder, tmp_path):
    """Returns a function that copies the run and changes its results."""

    def damage(**changes):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        results = json.loads((copy / "results.json").read_text())
        (copy / "results.json").write_text(json.dumps(results | changes))
        return copy

    return damage


def test_everything_stands_on_the_page(page):
    text = page.read_text(encoding="utf-8")
    for words in [
        "(simulated data)</title>", "Does the machinery work?", "random numbers",
        "CEBRA-Time on everything", "30.0 cm", "of no paper", "One-way ANOVA", "Tukey",
        "Nothing is trained.", "Configuration", "num_seeds", "Provenance", "Time taken",
        "All of them &lt;b&gt;unsorted&lt;/b&gt;", "a &lt; b &amp; c", "x&lt;y",
    ]:  # fmt: skip
        assert words in text
    assert len(re.findall('<img src="data:image/png;base64,', text)) == 2
    assert page.stat().st_size < 8e6


def test_nothing_is_loaded_from_elsewhere(page):
    text = page.read_text(encoding="utf-8")
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)  # plotly's code and ours
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)", own)
    assert "http" not in re.sub(r"http-equiv", "", own)
    assert "default-src 'none'" in own


def test_points_are_few_and_rounded(folder):
    run = read_run(folder)
    payload = embedding_payload(run, run.results["embeddings"][0])
    assert len(payload["points"]) == 3
    assert len(payload["points"][0]) <= 3000
    with np.load(folder / "embeddings" / "three.npz") as archive:
        assert np.allclose(payload["points"], archive["points"].T, atol=1e-3)
    position, direction = payload["labels"]
    assert position["name"] == "Position (m)"
    assert direction["classes"] == ["left", "right"]
    assert max(len(str(x)) for x in payload["points"][0]) <= 6


def test_many_classes_become_a_scale_and_missing_values_none(folder, tmp_path):
    run = read_run(folder)
    entry = {"path": "embeddings/x.npz", "title": "x"}
    values = np.arange(30.0)
    values[0] = np.nan
    np.savez(folder / "embeddings" / "x.npz", points=np.zeros((30, 2)), label_0=values,
             label_1=np.arange(30).astype(str))  # fmt: skip
    labels = [
        {"name": "v", "kind": "circular", "period": 30.0, "array": "label_0"},
        {"name": "c", "kind": "categorical", "array": "label_1"},
    ]
    numbers, classes = embedding_payload(run, entry | {"labels": labels})["labels"]
    assert numbers["values"][0] is None
    assert numbers["range"] == [0, 30.0]
    assert "classes" not in classes
    assert len(classes["scale"]) == 30
    with pytest.raises(DataIntegrityError, match="must hold the points and labels"):
        embedding_payload(run, entry | {"labels": [labels[0] | {"array": "gone"}]})


def test_a_failed_run_and_lacking_controls_are_said(damaged, tmp_path):
    copy = damaged(failed={"a": "ValueError: b"}, missing_controls={"rat one": ["shifted"]})
    text = build_report([copy], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "1 parts failed" in text
    assert "ValueError: b" in text
    assert "rat one lacks controls: shifted" in text


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"schema": 7}, "must be of schema 1; .* is of 7"),
        ({"figures": [{"path": "../report.html", "title": "x"}]}, "only name its own files"),
        ({"figures": [{"path": "/etc/hostname", "title": "x"}]}, "only name its own files"),
        ({"figures": [{"path": "gone.png", "title": "x"}]}, "gone.png, which is not there"),
        ({"figures": [{"path": "config.yaml", "title": "x"}]}, "must end in .png or .svg"),
    ],
)
def test_damaged_runs_are_refused(damaged, tmp_path, changes, match):
    with pytest.raises((DataError, DataIntegrityError), match=match):
        build_report([damaged(**changes)], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"must hold results.json"):
        build_report([tmp_path], tmp_path / "r.html")
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(DataIntegrityError, match="must be JSON"):
        build_report([tmp_path], tmp_path / "r.html")
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(DataIntegrityError, match="got list"):
        build_report([tmp_path], tmp_path / "r.html")


def test_one_value_has_no_spread():
    number = {"scale": 1, "digits": 2}
    assert number_text({"mean": 1.0, "sd": None, "n": 1}, number) == "1.00"
    assert number_text({"mean": None}, number) == "-"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield program
        program.close()


@pytest.fixture
def opened(browser, page):
    """Opens the page; fails on an error in the console or anything loaded."""
    complaints, contexts = [], []

    def complain(message):
        if message.type == "error":
            complaints.append(message.text)

    def open_page(width=1200, height=900, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", complain)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: asked(request.url))
        tab.goto(Path(page).as_uri())
        return tab

    def asked(url):
        if not url.startswith(("data:", "blob:")) and url != Path(page).as_uri():
            complaints.append(f"loaded {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.browser
def test_tables_sort_by_mouse_and_by_keyboard(opened):
    tab = opened()
    table = "#run-0 table.head >> nth=0"
    head = tab.locator(table).locator("th").nth(2)  # error (cm)
    cells = tab.locator(table).locator("tbody tr td:nth-child(3)")

    def numbers():
        return [float(text.split(" ")[0]) for text in cells.all_inner_texts()]

    before = numbers()
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert numbers() == sorted(before)
    tab.keyboard.press("Enter")  # the button has the focus
    assert head.get_attribute("aria-sort") == "descending"
    assert numbers() == sorted(before, reverse=True)
    other = tab.locator(table).locator("th").nth(0)
    other.locator("button").focus()
    tab.keyboard.press("Space")
    assert other.get_attribute("aria-sort") == "ascending"
    assert head.get_attribute("aria-sort") == "none"
    tab.locator("#comparable").check()
    assert tab.locator("#compared tbody tr:visible").count() == 6  # of 8, twice the same run


@pytest.mark.browser
def test_everything_is_reached_by_keyboard(opened):
    tab = opened()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == "#content"
    focusable = "a[href], button, select, input, summary, [tabindex='0']"
    assert tab.locator(focusable).count() > 30
    assert tab.eval_on_selector_all("[tabindex]", "all => all.every(e => e.tabIndex === 0)")
    enlarge = tab.locator(".enlarge").first
    enlarge.focus()
    tab.keyboard.press("Enter")
    assert tab.locator("dialog[open] img").evaluate("image => image.naturalWidth") > 100
    tab.keyboard.press("Escape")
    assert tab.locator("dialog[open]").count() == 0
    assert enlarge.evaluate("button => button === document.activeElement")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("width", "scheme"), [(1200, "light"), (390, "light"), (1200, "dark")], ids=str
)
def test_figures_and_embeddings_are_drawn_at_any_width(opened, width, scheme):
    tab = opened(width=width, scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    sizes = tab.eval_on_selector_all(
        "figure img", "all => all.map(i => [i.complete && i.naturalWidth, i.clientWidth])"
    )
    assert all(natural > 100 and 100 < shown <= width for natural, shown in sizes)
    viewer = tab.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    tab.wait_for_selector(".viewer[data-drawn=yes] >> nth=0", timeout=60_000)
    assert viewer.locator("canvas").count() >= 1
    viewer.locator(".colour").select_option(label="Direction")
    assert "coloured by Direction" in viewer.locator(".plot").get_attribute("aria-label")
    viewer.locator(".which").select_option(label="Simulated: two dimensions")
    tab.wait_for_selector(".viewer .plot .cartesianlayer .point >> nth=0", state="attached")
    # what colour choice there was is kept
    assert "coloured by Direction" in viewer.locator(".plot").get_attribute("aria-label")
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    if width < 640:
        assert tab.evaluate("getComputedStyle(document.querySelector('.cards td')).display") == (
            "grid"
        )
