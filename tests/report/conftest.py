"""A real browser, where there is one."""

import shutil

import pytest


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, headless; closed with its module, since one that idled for minutes may not answer."""
    driver = pytest.importorskip("playwright.sync_api", reason="no browser test without playwright")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no browser test without chromium: apt-get install chromium")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in the browser, with everything that it asked for and complained about."""

    def __init__(self, browser, file, **settings):
        self.context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **settings})
        self.page = self.context.new_page()
        self.requests, self.errors = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.goto(file.as_uri())

    def draw_all(self):
        """Scroll to every chart, until each is drawn."""
        for place in range(self.page.locator("figure").count()):
            figure = self.page.locator("figure").nth(place)
            figure.scroll_into_view_if_needed()
            figure.locator("svg").wait_for()

    def shown(self):
        """Names of the cells that the table shows, in its order."""
        return self.page.locator("#cells tbody tr:not([hidden]) th").all_inner_texts()


@pytest.fixture
def browse(chromium):
    """Opens a file in the browser."""
    opened = []

    def open_(file, **settings):
        opened.append(Opened(chromium, file, **settings))
        return opened[-1]

    yield open_
    for one in opened:
        one.context.close()
