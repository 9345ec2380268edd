import io

import pytest

from ganlib.cli import main
from ganlib.data.dataset import load_art
from tests.data.online import made
from tests.data.pictures import noise


def png(seed):
    buffer = io.BytesIO()
    noise(seed).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def pictures(kaggle_site):
    """What Kaggle serves: seventy pictures, a text, and a name that leads out of the archive."""
    files = {f"art/{seed:02d}.png": png(seed) for seed in range(70)}
    kaggle_site.archive = made.zip_of({**files, "README.md": b"no picture", "../../out.png": png(99)})


@pytest.mark.parametrize(
    "source",
    [
        "karnikakapoor/art-portraits",
        "bryanb/abstract-art-gallery",
        "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery?select=Abstract_gallery",
        "kaggle.com/muhammad4hmed/gan-aa/data",
    ],
)
def test_a_name_or_a_pasted_address_is_enough(source, client, kaggle_site, tmp_path):
    art = load_art(source, 32)
    assert (len(art), art.size) == (71, 32)
    assert art.name in source
    assert [entry.reason for entry in art.manifest.refused()] == ["not a picture"]
    assert not list(tmp_path.glob("*.png"))


def test_the_second_time_asks_nobody(client, kaggle_site):
    first = load_art("owner/name", 32)
    asked = len(kaggle_site.requests)
    again = load_art("owner/name", 32)
    assert again.folder == first.folder
    assert load_art("https://www.kaggle.com/datasets/owner/name", 32).folder == first.folder
    assert len(kaggle_site.requests) == asked


def test_the_command_line_says_where_to_get_a_token_and_waits_for_nobody(kaggle_site, capfd):
    kaggle_site.private = True
    assert main(["prepare", "owner/name", "--size", "32"]) == 2
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(
        "ganlib: Kaggle hands out 'owner/name' only to people it knows (401): open https://www.k"
    )
    assert "KAGGLE_API_TOKEN" in said


def test_a_download_that_broke_goes_on_the_next_time(client, kaggle_site, capfd):
    kaggle_site.cut_always = 5_000
    assert main(["prepare", "owner/name", "--size", "32"]) == 2
    assert "goes on where it stopped" in capfd.readouterr().err
    kaggle_site.cut_always = None
    assert main(["prepare", "owner/name", "--size", "32"]) == 0
    assert "71 pictures from 72 files" in capfd.readouterr().out
