"""What the documents name exists, and both READMEs say the same."""

import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_tables_of_contributing_exist():
    named = re.findall(
        r"`([A-Z]+)`(?: or `([A-Z]+)`)? in `([\w/.]+\.py)`", read("CONTRIBUTING.md")
    )
    assert len(named) == 16
    for *tables, path in named:
        parts = Path(path).with_suffix("").parts
        module = importlib.import_module(".".join(p for p in parts if p != "__init__"))
        assert all(len(getattr(module, table)) > 0 for table in tables if table)


def test_both_readmes_have_the_same_shape():
    def shape(text: str) -> list[str]:
        code = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)
        lines = code.sub("```", text).splitlines()
        heads = ("#", "```", "|", "<!--", "![")
        return [next(head for head in heads if line.startswith(head))
                for line in lines if line.startswith(heads)]  # fmt: skip

    assert shape(read("README.zh-CN.md")) == shape(read("README.md"))


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readmes_say_what_must_be_said(name):
    text = read(name)
    for needed in (
        "make run",
        "make test",
        "10.1038/s41586-023-06031-6",
        "US12499131B2",
        "5.1 cm",
        "SECURITY.md",
        "CONTRIBUTING.md",
    ):
        assert needed in text


def test_citation_is_that_of_the_paper_and_of_this_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    version = re.search(r'^version = "(.+)"$', read("pyproject.toml"), flags=re.MULTILINE)
    assert citation["version"] == version[1]
    paper = citation["preferred-citation"]
    assert (paper["doi"], paper["volume"], paper["start"], paper["end"]) == (
        "10.1038/s41586-023-06031-6",
        617,
        360,
        368,
    )
    assert f"## [{version[1]}]" in read("CHANGELOG.md")
