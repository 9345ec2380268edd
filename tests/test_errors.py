"""Text of strangers is made safe, and no secret is in a message."""

import pytest

from ganlib.errors import GanlibError, without_secrets

SECRET = "s3cr3t-0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"'https://ada:{SECRET}@host/a.zip' is away", "'https://host/a.zip' is away"),
        (f"'https://{SECRET}@host/a.zip' is away", "'https://host/a.zip' is away"),
        (f"ftp://host:21/a?key={SECRET}&b=c, and more", "ftp://host:21/a and more"),
        (f"(https://host/a#{SECRET})", "(https://host/a)"),
        (f"of /a.zip?X-Amz-Signature={SECRET}&b=1", "of /a.zip?X-Amz-Signature=…&b=1"),
        (f"no file at /here/https:/ada:{SECRET}@host/a", "no file at /here/https:/host/a"),
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer …"),
        (f"{{'Authorization': 'Basic {SECRET}'}}", "{'Authorization': 'Basic …'}"),
        (f"authorization: {SECRET}", "authorization: …"),
        (f'{{"username": "ada", "key": "{SECRET}"}}', '{"username": "ada", "key": "…"}'),
        (f"api_key={SECRET} failed", "api_key=… failed"),
        ("token hf_abcdefghijkl is not valid", "token hf_… is not valid"),
        ("token KGAT_abcdefghijkl is not valid", "token KGAT_… is not valid"),
    ],
)
def test_secrets_are_cut_out(text, safe):
    assert without_secrets(text) == safe
    assert SECRET not in str(GanlibError(text))


@pytest.mark.parametrize(
    "text",
    [
        "open https://www.kaggle.com/settings, under 'API' click 'Generate New Token'",
        "put the token into the file ~/.kaggle/access_token or the Colab secret KAGGLE_API_TOKEN",
        "There is no key 'width' in recipe.json: choose one of z_dim, width.",
        "ada@example.com wrote this: is it so?",
    ],
)
def test_other_text_stays(text):
    assert without_secrets(text) == text


def test_what_the_environment_calls_a_secret_is_cut_out_wherever_it_is(monkeypatch):
    monkeypatch.setenv("MY_HUB_TOKEN", SECRET)
    monkeypatch.setenv("SHORT_KEY", "a")
    assert without_secrets(f"a folder /tmp/{SECRET}/a") == "a folder /tmp/…/a"
    assert without_secrets("known: 0123456789", "0123456789") == "known: …"
