"""What the page's files must and must not hold; how it behaves is tested in a browser."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "spoolctl" / "review" / "page"
FILES = sorted(PAGE.iterdir())
MODULES = [one for one in FILES if one.suffix == ".js" and one.name != "theme.js"]
LINES_MAX = 400
SVG = "http://www.w3.org/2000/svg"  # a name, never fetched
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function\*?|class|const|let) (\w+)", re.MULTILINE)


def named(one):
    return one.name


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_file_of_the_page_asks_nothing_of_the_internet(file):
    text = file.read_text(encoding="utf-8").replace(SVG, "")
    assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text)


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_file_of_the_page_is_short_enough_to_be_read(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < LINES_MAX


@pytest.mark.parametrize("file", MODULES, ids=named)
def test_a_module_puts_text_in_as_text(file):
    text = file.read_text(encoding="utf-8")
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )


@pytest.mark.parametrize("file", MODULES, ids=named)
def test_a_module_imports_what_is_there_and_uses_it(file):
    text = file.read_text(encoding="utf-8")
    imports = IMPORT.findall(text)
    assert len(imports) == len(re.findall(r"^import\b", text, re.MULTILINE))
    for names, source in imports:
        exported = set(EXPORT.findall((PAGE / source).read_text(encoding="utf-8")))
        for name in (one.strip() for one in names.split(",")):
            taken, _, called = name.partition(" as ")
            assert taken in exported, f"{source} has no {taken}"
            assert len(re.findall(rf"\b{called or taken}\b", text)) > 1, f"{name} is not used"


@pytest.mark.parametrize("file", MODULES, ids=named)
def test_what_a_module_exports_is_used_by_another(file):
    others = "".join(one.read_text(encoding="utf-8") for one in MODULES if one != file)
    unused = [
        name
        for name in EXPORT.findall(file.read_text(encoding="utf-8"))
        if not re.search(rf"\b{name}\b", others)
    ]
    assert unused == []


def test_the_document_holds_no_script_of_its_own_and_what_it_names_is_there():
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"\son\w+=", text) == []
    named_files = re.findall(r'(?:src|href)="/page/([^"]+)"', text)
    assert named_files
    assert [one for one in named_files if not (PAGE / one).is_file()] == []


def test_every_style_sheet_and_script_is_reached_from_the_document():
    reached = set(re.findall(r'"/page/([^"]+)"', (PAGE / "index.html").read_text(encoding="utf-8")))
    for file in MODULES:
        reached |= {source for _, source in IMPORT.findall(file.read_text(encoding="utf-8"))}
    assert {one.name for one in FILES} - reached == {"index.html"}
