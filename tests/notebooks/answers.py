"""Answers to the exercises of a lesson, and what its checks say of them."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import torch

from tests.notebooks.exercises import Exercise
from tests.notebooks.lesson import said_of


def solved_by(names: Mapping[str, Any], exercises: Iterable[Exercise]) -> dict[str, Any]:
    """The names that a lesson defines, with its exercises solved."""
    solved = dict(names)
    for exercise in exercises:
        exec(exercise.answer, solved)
    return solved


def edited(answer: str, *changes: tuple[str, str]) -> str:
    """An answer with some of its words replaced, each (old, new); what is not there is an error."""
    for old, new in changes:
        assert old in answer
        answer = answer.replace(old, new)
    return answer


def each_right(answers: Mapping[str, Iterable[str]]) -> pytest.MarkDecorator:
    """A test for every right answer to every exercise."""
    pairs = [(name, answer) for name, right in answers.items() for answer in right]
    return pytest.mark.parametrize(("exercise", "answer"), pairs)


def expect_hint(
    names: Mapping[str, Any], page: Mapping[str, str], exercise: str, answer: str, hint: str
) -> None:
    """Fail unless the check refuses an answer with these words."""
    said = said_of(dict(names), page, exercise, answer)
    assert said.startswith("Not yet")
    assert hint in said


def expect_right(names: Mapping[str, Any], page: Mapping[str, str], exercise: str, answer: str) -> None:
    """Fail unless the check accepts an answer."""
    assert said_of(dict(names), page, exercise, answer).startswith("Right")


def expect_your_turn(names: Mapping[str, Any], page: Mapping[str, str], exercise: str) -> None:
    """Fail unless the check of an exercise that was not begun says so, and leaves random numbers alone."""
    before = torch.get_rng_state()
    assert said_of(dict(names), page, exercise, "").startswith("Your turn")
    assert torch.equal(torch.get_rng_state(), before)
