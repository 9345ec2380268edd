import pytest

from ganlib.data.online.handle import KaggleHandle, parse_handle
from ganlib.errors import GanlibError

SET = KaggleHandle("bryanb", "abstract-art-gallery")
URLS = [
    "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery",
    "http://kaggle.com/datasets/bryanb/abstract-art-gallery/",
    "www.kaggle.com/datasets/bryanb/abstract-art-gallery",
    "kaggle.com/datasets/bryanb/abstract-art-gallery/data",
    "https://www.kaggle.com/bryanb/abstract-art-gallery",
    "kaggle.com/bryanb/abstract-art-gallery/discussion",
    "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery/code?sortBy=hotness",
    "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery/discussion/12345#7",
    "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery?select=x.jpg",
    "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery?select=../../x.jpg",
    "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery#top",
    "HTTPS://WWW.KAGGLE.COM/datasets/bryanb/abstract-art-gallery/download",
    "https://www.kaggle.com/api/v1/datasets/download/bryanb/abstract-art-gallery",
    "  https://www.kaggle.com/datasets/bryanb/abstract-art-gallery \n",
]


@pytest.mark.parametrize("text", ["bryanb/abstract-art-gallery", *URLS])
def test_a_handle_and_every_address_of_its_page_are_the_same(text):
    assert parse_handle(text) == SET


@pytest.mark.parametrize(
    "text",
    [
        "bryanb/abstract-art-gallery/versions/3",
        "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery/versions/3",
        "kaggle.com/bryanb/abstract-art-gallery/versions/3",
        "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery/download?datasetVersionNumber=3",
    ],
)
def test_a_version_is_kept(text):
    assert parse_handle(text) == SET._replace(version=3)


def test_a_handle_is_written_as_the_clients_read_it():
    assert str(SET) == "bryanb/abstract-art-gallery"
    assert str(SET._replace(version=3)) == "bryanb/abstract-art-gallery/versions/3"
    assert SET._replace(version=3).url == "https://www.kaggle.com/datasets/bryanb/abstract-art-gallery"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "portraits",
        "a/b/c",
        "../secret",
        "a/..",
        "./pictures",
        "/a/b",
        "a/b/",
        "a b/c",
        "a/b\nc/d",
        "C:\\pictures",
        "~/pictures",
        "a/b/versions/0",
        "a/b/versions/x",
        "a/b/versions/3/more",
        "pictures.zip/art",
        "https://example.com/datasets/a/b",
        "https://kaggle.com.example.com/datasets/a/b",
        "https://kaggle.com@example.com/datasets/a/b",
        "https://kaggle.com:x@example.com/datasets/a/b",
        "https://notkaggle.com/a/b",
        "https://kaggle.com:[/a/b",
    ],
)
def test_anything_else_is_no_handle(text):
    assert parse_handle(text) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://www.kaggle.com/competitions/titanic", "a competition"),
        ("https://www.kaggle.com/c/titanic/data", "a competition"),
        ("https://www.kaggle.com/code/ada/my-notebook", "a notebook"),
        ("https://www.kaggle.com/ada/my-notebook/notebook", "a notebook"),
        ("https://www.kaggle.com/models/google/gemma", "a model"),
        ("https://www.kaggle.com/ada", "a user"),
        ("https://www.kaggle.com/ada/datasets", "a user"),
        ("https://www.kaggle.com/datasets", "a list of data sets"),
        ("https://www.kaggle.com/datasets/ada", "a list of data sets"),
        ("https://www.kaggle.com", "no data set"),
        ("www.kaggle.com/docs/api", "no data set"),
        ("https://www.kaggle.com/datasets/../..", "no data set"),
        ("https://www.kaggle.com/datasets/ada/%2e%2e", "no data set"),
        ("https://www.kaggle.com/datasets/ada/set/versions/0", "no version"),
    ],
)
def test_another_page_on_kaggle_is_a_sentence(text, kind):
    with pytest.raises(
        GanlibError, match=f"is the page of {kind}.*https://www.kaggle.com/datasets/owner/name"
    ):
        parse_handle(text)
