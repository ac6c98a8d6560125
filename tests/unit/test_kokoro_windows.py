"""Windows: they cover everything once, and joining them gives back the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from server.engines.kokoro.moments import ExpectedMoments, Moments
from server.engines.kokoro.voices import VoiceBook
from server.engines.kokoro.windows import FIRST, STEP_SAMPLES, WHOLE, Joiner, plan
from server.voices.voice import Voice

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("total", [1, WHOLE, WHOLE + 1, 300, 500, 1000, 4000])
def test_windows_follow_each_other(total: int) -> None:
    windows = plan(total)
    assert windows[0].start == 0
    assert windows[-1].end == total
    assert all(one.end == other.start for one, other in pairwise(windows))
    assert len(windows) == 1 or windows[0].end == FIRST
    lengths = [window.end - window.start for window in windows]
    assert lengths[:-1] == sorted(lengths[:-1])
    assert total <= WHOLE or lengths[-1] >= lengths[-2] / 2


def test_cuts_move_between_words() -> None:
    assert plan(400, [40, 70, 95, 220])[0].end == 70
    assert plan(400, [40, 130])[0].end == FIRST


@pytest.mark.parametrize("total", [50, 300, 1234])
def test_joined_windows_are_the_whole(total: int) -> None:
    whole = np.random.default_rng(1).standard_normal(total * STEP_SAMPLES).astype(np.float32)
    joiner = Joiner(total)
    heard = []
    for window in plan(total):
        outer = window.with_context(total)
        heard.append(joiner.add(whole[outer.start * STEP_SAMPLES : outer.end * STEP_SAMPLES], window))
    np.testing.assert_allclose(np.concatenate(heard), whole, atol=1e-5)


def test_moments_add_up_by_length() -> None:
    one, two = np.full((1, 3, 2), 1.0, np.float32), np.full((1, 3, 2), 4.0, np.float32)
    known = Moments.none(3).with_window(one, 100)
    assert Moments.none(3).share_beside(10) == 0
    assert known.values.tolist() == one.tolist()
    np.testing.assert_allclose(known.with_window(two, 200).values, 3.0)


def test_every_voice_has_expected_moments_and_a_blend_lies_between() -> None:
    expected = ExpectedMoments()
    values = {voice.id: expected.of(voice).values for voice in VoiceBook().voices()}
    assert {value.shape for value in values.values()} == {(1, 8448, 2)}
    blend = Voice("mix", "kokoro", "Mix", blend=(("af_heart", 0.5), ("am_onyx", 0.5)))
    means = expected.of(blend).values[..., 0]
    middle = (values["af_heart"][..., 0] + values["am_onyx"][..., 0]) / 2
    np.testing.assert_allclose(means, middle, atol=1e-2)
