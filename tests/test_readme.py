import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
BLOCKS = {
    f"{page}-{number}": block
    for page in ("README.md", "docs/theory.md", "docs/saving_and_callbacks.md")
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    )
}


def test_pages_have_examples():
    assert sum(name.startswith("README") for name in BLOCKS) >= 2
    assert sum(name.startswith("docs") for name in BLOCKS) >= 2


@pytest.mark.parametrize("name", BLOCKS)
def test_example_runs(name):
    exec(compile(BLOCKS[name], name, "exec"), {})
