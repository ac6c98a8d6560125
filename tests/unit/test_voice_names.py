"""What a voice may be called, and how a refusal helps."""

from __future__ import annotations

import pytest

from server.errors import InvalidRequest, Unavailable
from server.voices.names import OPENAI_NAMES, Catalogue, voice_text, without_wav
from server.voices.voice import Voice

pytestmark = pytest.mark.unit


def voice(name: str, gender: str = "female", kind: str = "builtin", **more: object) -> Voice:
    return Voice(id=name, engine="test", name=name.title(), gender=gender, kind=kind, **more)


VOICES = [
    voice("af_heart", languages=("en-us",), licence="Apache-2.0"),
    voice("am_onyx", "male", languages=("en-us",), licence="Apache-2.0"),
    voice("bf_emma", languages=("en-gb",), licence="Apache-2.0"),
    voice("bm_george", "male", languages=("en-gb",), licence="MIT"),
    voice("Bob (2)", "male", kind="clone", clips=("x.wav",)),
    voice("warm", kind="blend", blend=(("af_heart", 0.75), ("bf_emma", 0.25))),
]
CATALOGUE = Catalogue("test", VOICES, blends=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("af_heart", "af_heart"),
        ("  AF_Heart ", "af_heart"),
        ("af_heart.wav", "af_heart"),
        ("AF_HEART.WAV ", "af_heart"),
        ("Bob (2)", "Bob (2)"),
        ("bob (2).wav", "Bob (2)"),
        ("warm", "warm"),
        ("female_01", "af_heart"),
        ("female_02.wav", "bf_emma"),
        ("Male_1", "am_onyx"),
        ("male_02", "bm_george"),
        ("male_03", "am_onyx"),
        ("female_0007", "af_heart"),
        ("af_heart(2)", "af_heart"),
    ],
)
def test_names_that_mean_a_voice(text, found):
    assert CATALOGUE.resolve(text).id == found


@pytest.mark.parametrize(
    ("text", "identifier", "shares"),
    [
        ("af_heart(2)+am_onyx(1)", "af_heart(2)+am_onyx(1)", {"af_heart": 2 / 3, "am_onyx": 1 / 3}),
        (" AF_heart + am_onyx.wav ", "af_heart(1)+am_onyx(1)", {"af_heart": 0.5, "am_onyx": 0.5}),
        ("af_heart(.5)+bf_emma(1.5)", "af_heart(0.5)+bf_emma(1.5)", {"af_heart": 0.25, "bf_emma": 0.75}),
        ("warm(1)+af_heart(1)", "warm(1)+af_heart(1)", {"af_heart": 0.875, "bf_emma": 0.125}),
        ("af_heart+af_heart", "af_heart(1)+af_heart(1)", {"af_heart": 1.0}),
    ],
)
def test_blends(text, identifier, shares):
    blend = CATALOGUE.resolve(text)
    assert blend.id == identifier
    assert blend.kind == "blend"
    assert dict(blend.blend) == pytest.approx(shares)
    assert CATALOGUE.resolve(identifier) == blend


def test_a_blend_inherits_from_its_heaviest_part_first():
    blend = CATALOGUE.resolve("bm_george(1)+af_heart(3)")
    assert blend.languages == ("en-us", "en-gb")
    assert blend.gender == "neutral"
    assert blend.licence == "Apache-2.0 AND MIT"
    assert CATALOGUE.resolve("bf_emma+af_heart").gender == "female"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("af_hart", ["Invalid value: 'af_hart'.", "Did you mean 'af_heart'?", "'am_onyx'"]),
        ("", ["Invalid value: ''", "Supported values are: 'af_heart'"]),
        ("../../etc/passwd", ["'../../etc/passwd'"]),
        ("x\r\nSet-Cookie: a", [r"'x\r\nSet-Cookie: a'"]),
        ("female_00", ["'female_00'"]),
        ("af_heart(0)+am_onyx", ["weight of 'af_heart' must be above 0"]),
        ("af_heart(9999)+am_onyx", ["at most 1000"]),
        ("af_heart+nobody(2)", ["'nobody' is not a voice that can be blended"]),
        ("af_heart+", ["'' is not a voice"]),
        ("+", ["'' is not a voice"]),
        ("af_heart+Bob (2)", ["'Bob (2)' is a cloned voice"]),
        ("+".join(["af_heart"] * 9), ["at most 8 voices, not 9"]),
        ("y" * 5000, ["yyy...'"]),
    ],
)
def test_refusals(text, words):
    with pytest.raises(InvalidRequest) as caught:
        CATALOGUE.resolve(text, param="cast.narrator.voice")
    assert caught.value.param == "cast.narrator.voice"
    assert caught.value.code == "invalid_value"
    for word in words:
        assert word in caught.value.message
    assert len(caught.value.message) < 700


def test_a_long_list_of_voices_is_cut():
    many = Catalogue("test", [voice(f"v{n}") for n in range(400)])
    with pytest.raises(
        InvalidRequest, match=r"'v19' and 380 more of the engine test \(GET /v1/audio/voices\)"
    ):
        many.resolve("nobody")


def test_an_engine_that_cannot_blend_says_so():
    plain = Catalogue("test", VOICES)
    assert plain.resolve("af_heart(2)").id == "af_heart"
    with pytest.raises(InvalidRequest, match="cannot blend"):
        plain.resolve("af_heart+am_onyx")


def test_a_real_voice_wins_over_a_generic_name():
    real = Catalogue("test", [voice("a"), voice("b"), voice("female_01.wav"), voice("female_02")])
    assert real.resolve("female_01").id == "a", "a voice whose own id ends in .wav must be asked for in full"
    assert real.resolve("female_01.wav").id == "female_01.wav"
    assert real.resolve("female_02.wav").id == "female_02"
    assert real.resolve("female_05").id == "a"


def test_generic_names_without_such_voices_take_all_in_order():
    women = Catalogue("test", [voice("a"), voice("b"), voice("c")])
    assert [women.resolve(f"male_0{n}").id for n in range(1, 6)] == ["a", "b", "c", "a", "b"]


def test_added_voices_do_not_move_generic_names():
    assert CATALOGUE.resolve("male_03").id == "am_onyx", "Bob is a clone"
    only_clones = Catalogue("test", [voice("mine", kind="clone"), voice("yours", kind="clone")])
    assert only_clones.resolve("female_02").id == "yours"


def test_an_engine_without_voices():
    with pytest.raises(Unavailable, match="no voice yet"):
        Catalogue("test", []).resolve("female_01")
    with pytest.raises(InvalidRequest):
        Catalogue("test", []).resolve("nobody")


def test_exact_case_wins_where_ids_differ_by_case_only():
    twins = Catalogue("test", [voice("Ann"), voice("ann")])
    assert twins.resolve("ann").id == "ann"
    assert twins.resolve("Ann").id == "Ann"
    assert twins.resolve("ANN").id == "Ann"


def test_wire_values():
    assert voice_text("nova") == "nova"
    assert voice_text({"id": "nova"}) == "nova"
    for wrong in ({"id": 7}, {"id": "a", "name": "b"}, {}, {"name": "a"}, 7, None, ["nova"]):
        with pytest.raises(InvalidRequest) as caught:
            voice_text(wrong)
        assert caught.value.param == "voice"


def test_wav_is_taken_off_once():
    assert [without_wav(t) for t in ("a.wav", "a.WAV", "a.wav.wav", "a", ".wav", "wav")] == [
        "a", "a", "a.wav", "a", "", "wav",
    ]  # fmt: skip


def test_there_are_thirteen_names():
    assert len(set(OPENAI_NAMES)) == 13
