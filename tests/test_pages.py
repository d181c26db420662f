"""The code on README and on every page of the site runs: a page's blocks one after the other, as a reader would."""

import importlib
import pathlib
import re

import pytest

from pinnlearn import optimizers

pytest.importorskip("matplotlib")
ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "guide").glob("*.md"))]
BLOCKS = {
    path.relative_to(ROOT).as_posix(): blocks
    for path in PAGES
    if (blocks := re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL))
}
OPTIMIZERS = {kind.__name__ for kind in optimizers.OPTIMIZERS.values()}
PUBLIC = re.findall(r"currentmodule:: (\S+)\n(.*?)(?=\.\. currentmodule|```)", (ROOT / "docs/api.md").read_text(), re.S)


@pytest.mark.parametrize("page", BLOCKS)
def test_the_code_of_a_page_runs(page):
    namespace = {"__name__": "page"}
    for number, block in enumerate(BLOCKS[page]):
        exec(compile(block, f"{page}, block {number}", "exec"), namespace)


def test_there_is_code_on_the_pages_for_newcomers():
    assert {"README.md", "docs/getting_started.md", "docs/faq.md", "docs/guide/rows.md"} < set(BLOCKS)


@pytest.mark.parametrize(("module", "listed"), PUBLIC, ids=[module for module, _ in PUBLIC])
def test_the_api_page_lists_every_public_name(module, listed):
    # What the front door leads to is listed in its own module.
    elsewhere = {*OPTIMIZERS, "relative_l2_error", "__version__", "problems", "OPTIMIZERS"}
    names = set(re.findall(r"^   (\w+)$", listed, re.M))
    assert names == set(importlib.import_module(module).__all__) - (elsewhere - names)
