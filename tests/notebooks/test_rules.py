"""Each rule for pages finds what it is there to find, on pages made up for it."""

import re

import nbformat
import pytest
from PIL import Image

from tests.notebooks import lesson, rules
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import NOTEBOOKS
from tools.glossary import Word, link_terms, read_glossary, unlinked_terms
from tools.minutes import Entry

ALT = "a grid of sixteen portraits, all of them painted"
TITLE = f"""# 02 A page

![{ALT}](covers/02_page.webp)

**Minutes:** 10 to read, 4 to run on two CPU cores, 1 on a T4 (estimated).

Before: [one](01_page.ipynb). Next: [three](03_page.ipynb)."""
END = "## What to try next\n\n[one](01_page.ipynb), [three](03_page.ipynb)"
NAMES = ["01_page", "02_page", "03_page"]
GLOSSARY = """# Glossary

## discriminator

The net that judges. Notebook [01](01_page.ipynb).

Also: D

## feature map

What a layer says.

## kernel

Weights.

<!-- Not in: the Jupyter kernel -->

## logit (of D)

A number.

<!-- Linked as: logit -->

## map

A plane.
"""


def text(source, name="words"):
    return nbformat.v4.new_markdown_cell(source, id=name)


def code(source="1", *tags, name="code"):
    return nbformat.v4.new_code_cell(source, id=name, metadata={"tags": list(tags)})


def page(*cells, title=TITLE):
    return nbformat.v4.new_notebook(cells=[text(title, "title"), *cells])


def measured(cpu, t4):
    return Entry(cpu, t4, "a machine", "2026-01-01", "3.11", "2.6")


@pytest.mark.parametrize(
    ("cpu", "t4", "wrong"),
    [
        (4, 1, []),
        (2, 0.1, []),
        (8, 2, []),
        (8.1, 1, ["it says 4 minutes on two CPU cores, measured were 8.1"]),
        (1.9, 1, ["it says 4 minutes on two CPU cores, measured were 1.9"]),
        (4, 2.1, ["it says 1 minutes on a T4, measured were 2.1"]),
        (40, 0, ["it says 4 minutes on two CPU cores, measured were 40"]),
    ],
)
def test_minutes_that_are_not_those_measured_are_found(cpu, t4, wrong):
    assert rules.minutes(page(), measured(cpu, t4)) == wrong


def test_minutes_that_are_missing_are_found():
    assert "never measured" in rules.minutes(page(), None)[0]
    assert "0 lines of minutes" in rules.minutes(page(title="# 02 A page"), measured(4, 1))[0]


def test_a_cover_that_is_missing_hidden_undescribed_or_large_is_found(tmp_path):
    good = page(code("1", "cover"))
    assert rules.cover(good, "02_page", tmp_path) == ["there is no covers/02_page.webp"]
    Image.new("RGB", (900, 90)).save(tmp_path / "02_page.webp")
    assert rules.cover(good, "02_page", tmp_path) == []
    assert "0 code cells" in rules.cover(page(code()), "02_page", tmp_path)[0]
    two = page(code("1", "cover"), code("1", "cover", name="other"))
    assert "2 code cells" in rules.cover(two, "02_page", tmp_path)[0]
    for title in (
        TITLE.replace(ALT, "a grid"),
        TITLE.replace("02_page.webp", "03_page.webp"),
        TITLE.replace("# 02 A page\n", "# 02 A page\n\nWords first.\n"),
    ):
        (found,) = rules.cover(page(code("1", "cover"), title=title), "02_page", tmp_path)
        assert "right under the heading" in found
    Image.new("RGB", (901, 90)).save(tmp_path / "02_page.webp")
    assert "901 px wide" in rules.cover(good, "02_page", tmp_path)[0]
    Image.effect_noise((900, 900), 200).convert("RGB").save(tmp_path / "02_page.webp", lossless=True)
    assert "bytes" in rules.cover(good, "02_page", tmp_path)[0]


def test_a_picture_without_a_description_is_found():
    assert rules.descriptions(page(text(f"![{ALT}](a.png)"))) == []
    assert rules.descriptions(page(text("![](a.png)"))) == ["words: a.png is described as ''"]
    assert rules.descriptions(page(text(f"![{ALT}](a.png) ![a plot](b.png)"))) == [
        "words: b.png is described as 'a plot'"
    ]


def test_a_long_cell_is_found():
    assert rules.lengths(page(code("1\n" * 40), text("\n".join(["word"] * 34)))) == []
    assert rules.lengths(page(code("1\n" * 41))) == ["code has 41 lines of code"]
    assert rules.lengths(page(text("\n".join(["word"] * 35)))) == ["words has 35 lines of text"]
    assert rules.lengths(page(text("w" * 110 * 34))) == []
    assert rules.lengths(page(text("w" * (110 * 34 + 1)))) == ["words has 35 lines of text"]
    folded = "<details><summary>Solution</summary>\n" + "word\n" * 60 + "</details>"
    assert rules.lengths(page(text(folded))) == []
    assert rules.lines_shown("see [here](" + "address" * 40 + ")") == 1


def folded(source, name="exercise-a-check"):
    cell = code(source, "hide-input", name=name)
    cell.metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    return cell


def test_a_lesson_that_is_too_long_is_found():
    title = TITLE.replace("10 to read", "32 to read")
    good = page(text("word " * 2440), code("1\n" * 300), folded("# @title Check\n" * 100), title=title)
    assert rules.amount(good) == []
    assert rules.amount(page(text("**Predict:** one two three " * 6), title=TITLE.replace("10", "0.5"))) == [
        "it has 6 Predicts, 5 at the most"
    ]
    found = rules.amount(page(text("word " * 2501), code("1\n" * 301), title=title))
    assert [one.split()[3:5] for one in found] == [["words,", "2500"], ["lines", "of"]]
    assert "takes 12" in rules.amount(page(text("word " * 2400), title=title))[0]
    assert (
        rules.words_read(page(text("a $$b c$$ d\n```python\ne f\n```\n<details>g h</details>"), title=""))
        == 2
    )
    with_exercise = page(*exercise(), title=TITLE.replace("10 to read", "5 to read"))
    assert rules.amount(with_exercise) == []


def test_a_check_that_is_open_and_a_fold_without_a_title_are_found():
    assert rules.folding(page(folded("# @title Check"), code("1"))) == []
    assert "exercise-a-check is open" in rules.folding(page(code("1", name="exercise-a-check")))[0]
    assert "tools is folded" in rules.folding(page(folded("import torch", "tools")))[0]
    assert "code is open" in rules.folding(page(code("# @title A form")))[0]


def test_a_term_that_is_missing_is_found():
    linked = page(text("a [feature map](glossary.md#feature-map)"))
    assert rules.terms(linked, ["feature map"], WORDS) == []
    assert "is not used" in rules.terms(linked, ["kernel"], WORDS)[0]
    assert rules.terms(linked, ["wall"], WORDS) == ["'wall' is not in the glossary"]


def test_a_missing_way_to_a_neighbour_is_found():
    assert rules.neighbours(page(text(END)), "02_page", NAMES) == []
    no_way = END.replace("(01_page.ipynb)", "(04_page.ipynb)")
    assert rules.neighbours(page(text(no_way)), "02_page", NAMES) == ["the end does not lead to 01_page"]
    assert len(rules.neighbours(page(text("[one](01_page.ipynb)")), "02_page", NAMES)) == 2
    lost = rules.neighbours(page(text(END), title="# 02"), "02_page", NAMES)
    assert lost == ["the first cell does not lead to 01_page", "the first cell does not lead to 03_page"]
    assert rules.neighbours(page(text(END)), "01_page", ["01_page", "03_page"]) == []


def exercise(name="exercise-a", solution="<details>\n```python\n1\n```\n</details>"):
    return [
        text("## Exercise: a", name),
        code(name=f"{name}-yours"),
        code(name=f"{name}-check"),
        text(solution, f"{name}-solution"),
    ]


def test_an_exercise_that_lacks_a_cell_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(lesson, "NOTEBOOKS", tmp_path)
    cells = [*exercise("exercise-a"), *exercise("exercise-b")]
    nbformat.write(page(*cells), tmp_path / "02_page.ipynb")
    found = exercises_of("02_page")
    assert [one.name for one in found] == ["exercise-a", "exercise-b"]
    assert found[0].answer == "1\n"
    for missing in (0, 2, 3):
        nbformat.write(page(*cells[:missing], *cells[missing + 1 :]), tmp_path / "02_page.ipynb")
        with pytest.raises(AssertionError, match="there is no cell exercise-a"):
            exercises_of("02_page")


WORDS = read_glossary(GLOSSARY)


def test_a_glossary_is_read():
    assert [(word.word, word.forms) for word in WORDS[:2]] == [
        ("discriminator", ("discriminator", "D")),
        ("feature map", ("feature map",)),
    ]
    assert (WORDS[2].others, WORDS[3].forms) == (("the Jupyter kernel",), ("logit",))
    anchors = ["discriminator", "feature-map", "kernel", "logit-of-d", "map"]
    assert [word.anchor for word in WORDS] == anchors
    assert Word("Jensen\u2013Shannon, a_b!", (), (), "").anchor == "jensenshannon-a_b"


@pytest.mark.parametrize(
    "source",
    [
        "The discriminator judges.",
        "*Discriminators* judge.",
        "D judges.",
        "What D's loss says",
        "many feature\nmaps",
        "A kernel, and the Jupyter kernel",
        "Logits (many)",
        "- **kernel** 4",
        "$x$ has a kernel, it costs \\$5",
        "first a kernel, then a [kernel](glossary.md#kernel)",
        "| a | kernel |\n|---|---|",
    ],
)
def test_a_word_without_a_link_is_found_and_linked(source):
    made = page(text(source), title="# 01 A page")
    assert len(unlinked_terms(made, WORDS)) == 1
    assert "words uses" in rules.words(made, WORDS)[0]
    link_terms(made, WORDS)
    assert rules.words(made, WORDS) == []
    assert made.cells[1].source.count("](glossary.md#") == source.count("](glossary.md#") + 1
    before = made.cells[1].source
    assert link_terms(made, WORDS) == []
    assert made.cells[1].source == before


@pytest.mark.parametrize(
    "source",
    [
        "# The discriminator",
        "`kernel` and ``a ` kernel``",
        "$kernel$ and $$\nkernel\n$$",
        "```python\nkernel\n```",
        "[the kernel of it](https://example.org/kernel)",
        "![a kernel of four by four numbers](kernel.png)",
        "https://example.org/kernel",
        "<details><summary>Solution</summary>\n\nA kernel.\n\n</details>",
        "**Minutes:** 25 to read by a discriminator",
        "restart the Jupyter kernel",
        "1-D, 2D, D(x) and A(D), discriminatory, sub-kernel, d",
        "[D](glossary.md#discriminator) and the discriminator",
        "[feature map](glossary.md#feature-map)s and feature maps",
    ],
)
def test_what_is_no_prose_or_is_linked_is_left_alone(source):
    made = page(text(source), code("kernel"), title="# 01 A page")
    assert link_terms(made, WORDS) == []
    assert made.cells[1].source == source


def test_a_link_after_the_first_use_is_too_late_and_one_in_a_solution_does_not_count():
    linked = "[kernel](glossary.md#kernel)"
    assert set(unlinked_terms(page(text("a kernel"), text(linked, "b")), WORDS)) == {"kernel"}
    assert not unlinked_terms(page(text(linked), text("a kernel", "b")), WORDS)
    folded = f"<details>{linked}</details>"
    assert set(unlinked_terms(page(text(folded), text("a kernel", "b")), WORDS)) == {"kernel"}


def test_a_longer_word_is_not_taken_for_the_shorter_in_it():
    made = page(text("A feature map, and a map."), title="# 01 A page")
    assert link_terms(made, WORDS) == ["feature map", "map"]
    assert made.cells[1].source == "A [feature map](glossary.md#feature-map), and a [map](glossary.md#map)."


def test_a_link_to_nowhere_is_found():
    assert rules.words(page(text("[x](glossary.md#no-such)")), WORDS) == ["glossary.md#no-such leads nowhere"]


def test_lines_stay_short_where_they_were_and_keep_their_meaning():
    words = "word " * 20
    item = f"- {words}kernel\n  and {words}\n- another"
    made = page(text(item), title="# 01 A page")
    link_terms(made, WORDS)
    lines = made.cells[1].source.split("\n")
    assert max(map(len, lines)) <= 120
    assert lines[-1] == "- another"
    assert all(line.startswith("  ") for line in lines[1:-1])
    plain = " ".join(made.cells[1].source.replace("](glossary.md#kernel)", "").replace("[", "").split())
    assert plain == " ".join(item.split())
    for whole in (f"| {words}kernel | {words[:20]} |", f"{words * 3} kernel", f"{words}kernel  \n{words}"):
        made = page(text(whole), title="# 01 A page")
        link_terms(made, WORDS)
        assert made.cells[1].source == whole.replace("kernel", "[kernel](glossary.md#kernel)")


PAGES = [path.name for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
COURSE = read_glossary((NOTEBOOKS / "glossary.md").read_text("utf-8"))


def test_the_glossary_is_alphabetical_and_every_link_in_it_leads_somewhere():
    names = [word.word.lower() for word in COURSE]
    assert 45 <= len(names) <= 90
    assert names == sorted(set(names))
    forms = [form for word in COURSE for form in word.forms]
    assert len(set(forms)) == len(forms)


@pytest.mark.parametrize("word", COURSE, ids=[word.word for word in COURSE])
def test_an_entry_is_one_to_three_sentences_and_names_a_notebook_that_uses_the_word(word):
    found = re.fullmatch(r"(.+?)\sNotebook\s\[(\d\d)\]\((\2_\w+\.ipynb)\)\.(\n.*)?", word.text, re.DOTALL)
    assert found
    assert 1 <= len(re.findall(r"[.?](?=\s|$)", found[1])) <= 3
    users = [name for name in PAGES if _uses(name, word)]
    assert not users or found[3] in users, f"{found[3]} does not use '{word.word}', but {users} do"


def _uses(name, word):
    source = nbformat.read(NOTEBOOKS / name, as_version=4)
    linked = f"glossary.md#{word.anchor})" in "\n".join(cell.source for cell in rules.markdown(source))
    return linked or word.word in unlinked_terms(source, [word])
