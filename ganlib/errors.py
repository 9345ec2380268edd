"""The one exception that a user of ganlib meets, and the cleaning of text that strangers wrote."""

import os
import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*{}\[\]()<>#|~&]|\b_|_\b|^[-+])")
_LONGEST = 200
_SECRETS = {  # what a secret looks like: what is left of it
    r"(:/{1,2})[^/\s'\"]*@": r"\1",  # the user and the password of a link
    r"(:/{1,2}[^\s?#'\"]*)[?#][^\s'\")]*": r"\1",  # its query
    r"(?i)(\b[\w-]*(?:token|secret|password|signature|key)['\"]?(?:=|:\s*['\"])\s*)[^\s&'\",;)]+": r"\1…",
    r"(?i)(\b(?:bearer|basic)\s+|authorization['\"]?:\s*(?!['\"]?(?:bearer|basic)))[^\s'\",;)]+": r"\1…",
    r"\b(hf_|KGAT_)\w{8,}": r"\1…",
}
_NAME_OF_SECRET = re.compile("TOKEN|SECRET|PASSWORD|KEY")
_SHORTEST_SECRET = 8


class GanlibError(Exception):
    """A mistake that the user can mend: its text says what is wrong and what to do."""

    def __init__(self, text: str) -> None:
        """Keep the text, without secrets and without anything in it that a terminal would obey."""
        super().__init__(plain(without_secrets(text), 4000))


def without_secrets(text: str, *known: str) -> str:
    """Cut user, password and query out of the links in `text`, and every token, `known` or not."""
    named = [value for name, value in os.environ.items() if _NAME_OF_SECRET.search(name)]
    for secret in (*known, *named):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "…")
    for looks, rest in _SECRETS.items():
        text = re.sub(looks, rest, text)
    return text


def plain(text: object, longest: int = _LONGEST) -> str:
    """Make one line of text safe to print, whoever wrote it.

    Control characters, escapes, line breaks, bytes that are no text, and marks that turn the direction of
    writing become spaces or a replacement mark; what is longer than `longest` letters ends in an ellipsis.
    """
    cleaned = " ".join(printable(str(text)[: longest + 1]).split())
    return cleaned if len(cleaned) <= longest else cleaned[: longest - 1] + "…"


def printable(line: object) -> str:
    """Make one line of text safe to print as `plain` does, but leave its length and its spaces."""
    return "".join(map(_printable, str(line)))


def markdown(text: object, longest: int = _LONGEST) -> str:
    """Make one line of text safe to put into Markdown: it is shown as it is, and means nothing."""
    return _MARKDOWN.sub(r"\\\1", plain(text, longest)).replace("\\<", "&lt;").replace("\\&", "&amp;")


def first_line(error: Exception) -> str:
    """Return the first line of an error's text that says something, or else its name."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _printable(letter: str) -> str:
    match unicodedata.category(letter):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cs" | "Co" | "Cn":
            return "\N{REPLACEMENT CHARACTER}"
        case "Cf":  # invisible; some turn the direction of writing
            return ""
    return letter
