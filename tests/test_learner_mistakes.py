"""Each mistake in tests/learner_mistakes.py gets its own error, with what was found and what to do."""

import pytest

from tests.learner_mistakes import (
    MISTAKES,
    Mistake,
    clipped_too_early,
    forgotten_eval,
    forgotten_zero_grad,
    message,
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_message_says_what_was_found_and_what_to_do(mistake: Mistake) -> None:
    told = message(mistake)
    assert [word for word in mistake.words if word not in told] == []


def test_without_zero_grad_gradients_add_up() -> None:
    assert "6.0, 12.0, 18.0" in forgotten_zero_grad()


def test_without_eval_the_same_input_gets_two_answers() -> None:
    assert "gets two answers" in forgotten_eval() and "from 2 test batches" in forgotten_eval()
    assert forgotten_eval().endswith("after eval() one answer")


def test_before_backward_there_is_nothing_to_clip() -> None:
    assert "the norm is 0.0" in clipped_too_early()
