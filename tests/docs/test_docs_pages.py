"""The tutorials, the how-to guides and the explanations run, and print what they say that they print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from analysis.analysis_samples import open_fonts
from docs.pages import DOCS, SEED, blocks, pages, run_page, unknown_languages
from extras import need_extra

import cl
import cl.app.model
from cl._core.variables import OLD_NAMES, OTHER_VARIABLES, VARIABLES

need_extra("analysis", "scipy", "matplotlib", "pydantic")

PUBLIC: tuple[Any, ...] = (
    *(cl, cl.analysis, cl.app, cl.app.model, cl.sim, cl.testing, cl.util),
    *(cl.visualisation, cl.visualisation.jupyter),
)
PAGES = {f"{page.parent.name}/{page.stem}": page for page in pages()}


def test_there_are_pages_of_each_kind() -> None:
    assert {name.partition("/")[0] for name in PAGES} == {"tutorials", "how-to", "explanation"}


@pytest.fixture(scope="module", autouse=True)
def fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    import matplotlib

    matplotlib.use("agg")
    open_fonts(tmp_path_factory.mktemp("fonts"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CL_SDK_ACCELERATED_TIME", "1")
    monkeypatch.setenv("CL_SDK_RANDOM_SEED", SEED)
    page = PAGES[name]
    assert not list(unknown_languages(page))
    ran = run_page(page, tmp_path)
    assert ran == sum(block.language in ("python", "sh") for block in blocks(page))
    # An explanation may do without code; who is to do something gets code that runs.
    assert ran or page.parent.name == "explanation"


def test_a_page_that_prints_something_else_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint('one', 1.5)\n```\n\n```text\none ...\n```\n")
    assert run_page(page, tmp_path) == 1
    page.write_text("```python\nprint('one')\n```\n\n```text\ntwo\n```\n")
    with pytest.raises(AssertionError, match=r"page.md, line 6: it printed\none"):
        run_page(page, tmp_path)
    page.write_text("```sh\nexit 3\n```\n")
    with pytest.raises(AssertionError, match="line 2"):
        run_page(page, tmp_path)


def test_every_variable_has_its_place() -> None:
    text = (DOCS / "reference" / "environment.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(CL_[A-Z_]+)`", text))
    assert listed == VARIABLES | OTHER_VARIABLES | set(OLD_NAMES)


def test_every_public_name_has_its_place() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    described = set(re.findall(r"^\.\. auto\w+:: (?:[a-z_]+\.)*(\w+)$", text, re.M))
    errors = set(vars(cl.error))
    for module in PUBLIC:
        names = {name for name in module.__all__ if callable(getattr(module, name))}
        assert names - errors <= described, module.__name__
