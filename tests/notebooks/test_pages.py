"""The notebooks as files; that they run is tested by nbval, which compares the cells counted here."""

import re
from pathlib import Path

import nbformat
import pytest

from tests.notebooks import rules
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import page_at
from tools.glossary import GLOSSARY, read_glossary
from tools.minutes import LEDGER, read_ledger

FOLDER = Path(__file__).parent.parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NAMES = [
    "01_dataset",
    "02_gan_theory",
    "03_generator",
    "04_discriminator",
    "05_training",
    "06_inference",
    "07_latent_space",
    "08_evaluation",
    "09_when_training_fails",
    "10_large_canvas",
]
COMPARED = "nbval-check-output"

TERMS = {
    "01_dataset": "data set, annotation, provenance, antialiasing, overfitting, augmentation, held-out",
    "02_gan_theory": "latent vector, minimax, backpropagation, convergence, mode, logistic function",
    "03_generator": "upsampling, feature map, transposed convolution, hyperparameter, BatchNorm, kernel",
    "04_discriminator": "receptive field, saliency map, occlusion, Lipschitz constant, dropout",
    "05_training": "epoch, hyperparameter, backpropagation, mixed precision, checkpoint, device",
    "06_inference": "truncation, latent vector, StyleGAN, interpolation, seed",
    "07_latent_space": "disentanglement, GAN inversion, InterFaceGAN, Gaussian distribution, direction",
    "08_evaluation": "FID, KID, Gaussian distribution, memorisation, overfitting, precision",
    "09_when_training_fails": "mode collapse, overfitting, convergence, vanishing gradient",
    "10_large_canvas": "upsampling, receptive field, epoch",
}

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def _pass(complaints):
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def test_the_course_is_complete():
    assert [path.stem for path in NOTEBOOKS] == NAMES
    files = {path.name for path in FOLDER.iterdir() if path.is_file() and not path.name.startswith(".")}
    assert files == {*(path.name for path in NOTEBOOKS), "glossary.md"}


@each
def test_at_least_three_cells_are_really_compared(path):
    """nbval passes over a cell without a count, so a stripped notebook would test nothing."""
    compared = [cell for cell in code_cells(path) if COMPARED in tags(cell)]
    assert len(compared) >= 3
    for cell in compared:
        assert cell.execution_count, f"{cell.id} has no execution count"
        text = "".join(output.get("text", "") + str(output.get("data", "")) for output in cell.outputs)
        assert text.strip(), f"{cell.id} has no output to compare"


@each
def test_nothing_else_is_stored(path):
    page = nbformat.read(path, as_version=4)
    assert "widgets" not in page.metadata
    assert page.metadata.kernelspec.name == "python3"
    assert page.metadata.accelerator == "GPU"
    assert page.metadata.colab.gpuType == "T4"
    for cell in code_cells(path):
        if COMPARED not in tags(cell):
            assert cell.outputs == []
            assert cell.execution_count is None
        assert all(output.output_type != "error" for output in cell.outputs)


@each
def test_the_file_is_well_formed_and_cells_have_telling_ids(path):
    page = nbformat.read(path, as_version=4)
    nbformat.validate(page)
    assert (page.nbformat, page.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in page.cells]
    assert len(set(ids)) == len(ids)
    assert all(not (len(name) == 8 and all(c in "0123456789abcdef" for c in name)) for name in ids)


@each
def test_no_cell_skips_its_test(path):
    for cell in code_cells(path):
        assert not {"nbval-skip", "raises-exception", "nbval-raises-exception"} & set(tags(cell))
        assert "nbval" not in cell.source.lower()


@each
def test_the_setup_cell_is_the_same_in_all(path):
    first, setup = code_cells(NOTEBOOKS[0])[0], code_cells(path)[0]
    assert "import ganlib" in first.source
    assert (setup.source, setup.metadata) == (first.source, first.metadata)


@each
def test_what_is_folded_is_folded_everywhere_and_says_what_it_does(path):
    assert code_cells(path)[0].source.startswith("# @title Setup")
    for cell in code_cells(path):
        folded = cell.source.startswith("# @title ")
        assert rules.is_folded(cell) == ("hide-input" in tags(cell)) == folded, cell.id
        assert cell.metadata.get("cellView") == ("form" if folded else None), cell.id


@each
def test_a_lesson_can_be_read_in_the_minutes_that_it_says(path):
    _pass(rules.amount(page_at(path)))


@each
def test_checks_are_folded(path):
    _pass(rules.folding(page_at(path)))


@each
def test_the_terms_of_the_field_are_introduced(path):
    glossary = read_glossary(GLOSSARY.read_text("utf-8"))
    _pass(rules.terms(page_at(path), TERMS[path.stem].split(", "), glossary))


@each
def test_there_are_three_exercises_of_four_cells_and_what_to_try_next(path):
    exercises = exercises_of(path.stem)
    assert len(exercises) >= 3
    for exercise in exercises:
        assert "## Exercise: " in exercise.asked, exercise.name
        assert exercise.solution.startswith("<details>"), exercise.name
        assert "<summary>Solution</summary>" in exercise.solution, exercise.name
        assert exercise.solution.count("```python\n") == 1, exercise.name
        assert exercise.solution.rstrip().endswith("</details>"), exercise.name
    page = nbformat.read(path, as_version=4)
    assert "What to try next" in "\n".join(cell.source for cell in rules.markdown(page))


WANTS_BACKGROUNDS = "classes-folders"  # the bundled drawings have some that tell them apart


@pytest.mark.parametrize("path", NOTEBOOKS[2:9], ids=NAMES[2:9])
def test_lessons_03_to_09_take_the_pictures_that_were_chosen_and_say_so(path):
    source = "\n".join(cell.source for cell in code_cells(path) if cell.id != WANTS_BACKGROUNDS)
    assert "course_art(" in source
    assert not re.search(r"load_art\(\W?portraits|Trainer\([^)]*\"portraits\"", source)
    title = " ".join(page_at(path).cells[0].source.split())
    assert "those that you chose in [01](01_dataset.ipynb)" in title
    assert "what the text says of drawn portraits was seen on the bundled ones" in title.replace(
        "What", "what"
    )


@each
def test_the_minutes_are_stated_and_within_a_factor_of_two_of_those_measured(path):
    measured = read_ledger(LEDGER).get(path.stem)
    _pass(rules.minutes(page_at(path), measured))


@each
def test_it_opens_with_the_picture_that_it_makes(path):
    _pass(rules.cover(page_at(path), path.stem, FOLDER / "covers"))


@each
def test_every_picture_in_the_text_is_described(path):
    _pass(rules.descriptions(page_at(path)))


@each
def test_no_cell_is_longer_than_a_screen(path):
    _pass(rules.lengths(page_at(path)))


@each
def test_it_leads_to_its_neighbours_at_both_ends(path):
    _pass(rules.neighbours(page_at(path), path.stem, NAMES))


@each
def test_a_word_of_the_glossary_is_linked_where_it_is_first_used(path):
    _pass(rules.words(page_at(path), read_glossary(GLOSSARY.read_text("utf-8"))))
