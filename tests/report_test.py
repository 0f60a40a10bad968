"""bench.html in headless Chromium: no console errors, charts really drawn, fits a phone, dark mode applies, hostile names stay text.
And the page of `cycloid optimize --html` for a graph of 3000 nodes."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
DESKTOP = (1280, 1000)
PHONE = (390, 844)


def program(*names):
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"none of {', '.join(names)} is installed")


@pytest.fixture(scope="module")
def pages(tmp_path_factory, binary_dir):
    """The sample pages, as bench_tests writes them: full (two models, every status), few (64 runs), none (nothing measured)."""
    tests = pathlib.Path(os.environ.get("CYCLOID_BENCH_TESTS", binary_dir / "bench_tests"))
    if not tests.is_file():
        pytest.skip(f"{tests} is not built")
    folder = tmp_path_factory.mktemp("pages")
    environment = {**os.environ, "CYCLOID_SAMPLE_PAGES": str(folder)}
    subprocess.run(
        [str(tests), "--gtest_filter=HtmlReport.WritesSamplePagesWhereAsked"],
        env=environment,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "chromium-browser", "google-chrome")
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
        yield driver
        driver.quit()


def open_page(browser, path, size=DESKTOP, dark=False):
    width, height = size
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE},
    )
    set_scheme(browser, dark)
    browser.get_log("browser")
    browser.get(path.as_uri())
    WebDriverWait(browser, 30).until(
        lambda b: b.execute_script("return document.documentElement.dataset.ready") == "true"
    )
    errors = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert errors == []


def set_scheme(browser, dark):
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


# For each canvas the number of pixels that are not transparent and of distinct colours among them, coarsely.
INK = """
return [...document.querySelectorAll("canvas")].map((canvas) => {
  const {data, width, height} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  let inked = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 128) continue;
    ++inked;
    colours.add((data[i] >> 5) * 64 + (data[i + 1] >> 5) * 8 + (data[i + 2] >> 5));
  }
  return {width, height, inked, colours: colours.size};
});
"""


def body_background(browser):
    text = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in text[text.index("(") + 1 : -1].split(",")[:3]) / 3


def test_charts_are_drawn(browser, pages):
    open_page(browser, pages / "full.html")
    charts = browser.execute_script(INK)
    assert len(charts) == 4 * 3  # two models at two thread counts
    for chart in charts:
        assert chart["inked"] > 500
        assert chart["colours"] >= 5  # axes and several backends' lines


def test_every_backend_has_a_row_and_a_reason(browser, pages):
    open_page(browser, pages / "full.html")
    tables = browser.find_elements(By.TAG_NAME, "table")
    assert len(tables) == 4
    for name in (
        "pytorch",
        "torchscript",
        "torch-compile",
        "libtorch",
        "onnxruntime",
        "openvino",
        "cycloid",
        "machine’s noise",
    ):
        assert name in tables[0].text
    for text in ("failed", "unavailable", "mismatch", "crashed with signal 11"):
        assert text in tables[1].text
    assert "Speed-up" in tables[0].text and "reference" in tables[0].text


def test_hostile_names_are_text(browser, pages):
    open_page(browser, pages / "full.html")
    assert "owned" in browser.title  # as part of the name, which is shown as it is
    assert browser.title.startswith("squeezenet1_1")
    headings = [heading.text for heading in browser.find_elements(By.TAG_NAME, "h2")]
    assert any(text.startswith("</script><script>document.title='owned'</script>") for text in headings)
    assert browser.find_elements(By.TAG_NAME, "img") == []


def test_nothing_is_fetched(browser, pages):
    open_page(browser, pages / "full.html")
    entries = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in entries if not name.startswith("data:")] == []


@pytest.mark.parametrize("page", ["full.html", "few.html", "none.html"])
def test_fits_a_phone(browser, pages, page):
    open_page(browser, pages / page, PHONE)
    width, view = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert view == PHONE[0]
    assert width <= view
    for chart in browser.execute_script(INK):
        assert 200 < chart["width"] <= view
        assert chart["inked"] > 300


def test_dark_mode_applies_also_while_open(browser, pages):
    open_page(browser, pages / "few.html", dark=True)
    assert body_background(browser) < 60
    set_scheme(browser, dark=False)
    WebDriverWait(browser, 5).until(lambda b: body_background(b) > 200)
    # The canvases follow: axis text is dark on light now.
    soft = "getComputedStyle(document.documentElement).getPropertyValue('--soft').trim()"
    WebDriverWait(browser, 5).until(
        lambda b: b.execute_script(f"return charts[0].chart.options.scales.x.ticks.color === {soft}")
    )


def test_legend_and_tail_view_work(browser, pages):
    open_page(browser, pages / "few.html")
    before = browser.execute_script(INK)[0]["inked"]
    button = browser.find_element(By.CSS_SELECTOR, ".legend button")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert browser.execute_script("return charts[0].chart.isDatasetVisible(0)") is False
    assert browser.execute_script(INK)[0]["inked"] != before
    button.click()
    assert browser.execute_script(INK)[0]["inked"] == before
    browser.find_elements(By.CSS_SELECTOR, ".toggle button")[1].click()
    assert browser.execute_script("return charts[0].chart.options.scales.y.type") == "logarithmic"
    assert browser.execute_script(INK)[0]["inked"] > 500


def test_too_few_samples_are_said_not_drawn(browser, pages):
    open_page(browser, pages / "few.html")
    text = browser.find_element(By.TAG_NAME, "main").text
    assert "p99 needs 1000 samples; this measurement has 64" in text
    open_page(browser, pages / "none.html")
    assert "not installed" in browser.find_element(By.TAG_NAME, "main").text
    assert browser.find_elements(By.TAG_NAME, "canvas") == []


def test_is_accessible_in_its_basics(browser, pages):
    open_page(browser, pages / "full.html")
    assert browser.execute_script("return document.documentElement.lang") == "en"
    for canvas in browser.find_elements(By.TAG_NAME, "canvas"):
        assert canvas.get_attribute("role") == "img" and len(canvas.get_attribute("aria-label")) > 20
    for cell in browser.find_elements(By.CSS_SELECTOR, "thead th"):
        assert cell.get_attribute("scope") == "col"
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))
    for target in browser.find_elements(By.CSS_SELECTOR, "nav a"):
        assert target.get_attribute("href").split("#")[1] in ids


def large_model(path, nodes):
    """Four strands of operators, some of which do nothing."""
    onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
    made, ends = [], ["x"] * 4
    for i in range(nodes - 1):
        strand, name = i % 4, f"v{i}"
        op = ("Identity", "Relu", "Add", "Tanh", "Identity", "Neg", "Abs")[i % 7]
        inputs = [ends[strand], ends[(strand + 1) % 4]] if op == "Add" else [ends[strand]]
        made.append(onnx.helper.make_node(op, inputs, [name], f"{op}_{i}"))
        ends[strand] = name
    made.append(onnx.helper.make_node("Sum", ends, ["y"], "all"))
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy")
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph(made, "g", [x], [y]), opset_imports=opset, ir_version=8), path
    )


def test_a_page_of_3000_nodes_stays_usable(browser, cycloid, tmp_path):
    large_model(tmp_path / "m.onnx", 3000)
    page = tmp_path / "page.html"
    done = cycloid(
        "optimize", tmp_path / "m.onnx", "-o", tmp_path / "o.onnx", "--html", page, "--no-verify", timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert page.stat().st_size < 2_000_000
    open_page(browser, page)
    # What grows with the graph is drawn, not built of elements.
    elements = browser.execute_script("return document.querySelectorAll('*').length")
    assert elements < 300
    WebDriverWait(browser, 30).until(lambda b: all(canvas["inked"] > 1000 for canvas in b.execute_script(INK)))

    def picture():
        return browser.execute_script("return document.querySelector('canvas').toDataURL()")

    def click(selector):
        browser.execute_script("document.querySelector(arguments[0]).click()", selector)

    for step in ("fit", "in"):
        before = picture()
        click(f"button[data-do={step}]")
        WebDriverWait(browser, 30).until(lambda _, before=before: picture() != before)
    # Hundreds of changes of one rule: a page of them, and each shows where it was.
    browser.execute_script("document.querySelectorAll('details').forEach((rule) => (rule.open = true))")
    WebDriverWait(browser, 30).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".item"))
    assert browser.execute_script("return document.querySelectorAll('*').length") < 1500
    before = picture()
    click(".item")
    WebDriverWait(browser, 30).until(lambda _: picture() != before)
    assert "drop-identity" in browser.find_element(By.ID, "said").text
