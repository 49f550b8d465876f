"""Pages checked by axe-core for people with disabilities, in several looks."""

from __future__ import annotations

import contextlib
from importlib.resources import files
from importlib.util import find_spec

import pytest

SCRIPT_TIMEOUT_S = 240.0
LOOKS = {
    "light": ("light", None),
    "dark, tablet": ("dark", (768, 1024)),
    "dark, phone": ("dark", (360, 740)),
    "light, zoomed to 400 %": ("light", (320, 256)),
}
"""Name of a look -> the colour scheme, and the size in CSS pixels; None: that of the window."""
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations', 'incomplete'] }).then(
  ({ violations, passes, incomplete }) => done({
    passes: passes.length,
    found: [...violations, ...incomplete].flatMap(({ id, help, nodes }) => nodes.map(
      (node) => [id, help, node.html, node.failureSummary ?? ''].join(' | '))),
  }),
  (error) => done({ passes: 0, found: [String(error)] }),
);
"""


def require_axe():
    """Skip a test, or the tests of a module that calls it, where axe-core is missing."""
    # It is not imported: what its modules import is playwright, which nothing here needs.
    if find_spec("axe_playwright_python") is None:
        pytest.skip(
            "axe-playwright-python, which has axe.min.js, is not installed", allow_module_level=True
        )


def check_page(driver, *looks):
    """Check that axe finds nothing, and that the page does not scroll sideways.

    Args:
        looks: of `LOOKS`; none stands for all.
    """
    driver.set_script_timeout(SCRIPT_TIMEOUT_S)
    driver.execute_script((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    for name in looks or LOOKS:
        with look(driver, *LOOKS[name]):
            result = driver.execute_async_script(RUN)
            assert result["found"] == [], "\n".join([name, *result["found"]])
            assert result["passes"] > 10
            assert driver.execute_script(
                "return document.documentElement.scrollWidth <= innerWidth"
            ), name


@contextlib.contextmanager
def look(driver, scheme, size):
    """Show pages in a colour scheme, and in a size in CSS pixels."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    if size is not None:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
