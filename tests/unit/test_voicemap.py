"""The voice map: defaults, all-or-nothing changes, revisions, edits by hand, and a writer that is killed."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from server.errors import ConfigError, InvalidRequest, RevisionMismatch
from server.voices.names import CLASSIC_NAMES, OPENAI_NAMES, Catalogue
from server.voices.voice import Voice
from server.voices.voicemap import DEFAULTS, KINDS, VoiceMap

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]


def catalogue(engine: str = "kokoro", *ids: str, blends: bool = True) -> Catalogue:
    names = ids or (*DEFAULTS["kokoro"].values(), "af_sky", "am_adam")
    gender = {"f": "female", "m": "male"}
    voices = [Voice(id=n, engine=engine, name=n, gender=gender.get(n[1:2], "neutral")) for n in names]
    return Catalogue(engine, voices, blends=blends)


KOKORO = catalogue()
ORIGINAL_EXAMPLE = {
    "alloy": "female_01.wav",
    "echo": "female_01.wav",
    "fable": "female_01.wav",
    "nova": "male_01.wav",
    "onyx": "male_02.wav",
    "shimmer": "male_02.wav",
}


@pytest.fixture
def voicemap(tmp_path):
    return VoiceMap(tmp_path / "voicemap.yaml")


def test_defaults_are_thirteen_different_voices(voicemap):
    entries = voicemap.get(KOKORO).voices
    assert tuple(entries) == OPENAI_NAMES
    assert tuple(entries)[:6] == CLASSIC_NAMES
    assert {name: entry.voice for name, entry in entries.items()} == DEFAULTS["kokoro"]
    assert len({entry.voice for entry in entries.values()}) == 13
    assert all(entry.set is None for entry in entries.values())
    assert not voicemap.path.exists()


def test_every_name_has_a_kind_and_the_defaults_agree():
    assert set(KINDS) == set(OPENAI_NAMES) == set(DEFAULTS["kokoro"])
    for name, (gender, _) in KINDS.items():
        assert DEFAULTS["kokoro"][name][1] == gender[0]


def test_other_engines_share_out_their_voices(voicemap):
    piper = catalogue("piper", "xm_joe")
    assert {entry.voice for entry in voicemap.get(piper).voices.values()} == {"xm_joe"}
    neutral = catalogue("tone", *[f"{n:02}" for n in range(20)])
    assert len({entry.voice for entry in voicemap.get(neutral).voices.values()}) == 13
    mixed = catalogue("vits", "xf_a", "xm_a", "xf_b", "xm_b")
    assert voicemap.resolve("nova", mixed).id == "xf_b"
    assert voicemap.resolve("onyx", mixed).id == "xm_a"


def test_a_default_that_the_engine_lacks_is_replaced_by_one_of_its_kind(voicemap):
    small = catalogue("kokoro", "am_echo", "af_heart")
    assert voicemap.resolve("shimmer", small).id == "af_heart"
    assert voicemap.resolve("fable", small).id == "am_echo"


def test_the_original_example_works_as_written(voicemap):
    for engine in (KOKORO, catalogue("piper", "xm_joe"), catalogue("vits", "xf_a", "xm_a")):
        entries = voicemap.put(engine, ORIGINAL_EXAMPLE).voices
        assert {name: entries[name].set for name in ORIGINAL_EXAMPLE} == ORIGINAL_EXAMPLE
        assert all(entry.voice for entry in entries.values())
    assert voicemap.resolve("nova", KOKORO).id == "am_echo"
    assert voicemap.resolve("onyx", KOKORO).id == "bm_fable"


@pytest.mark.parametrize(
    ("value", "stored", "speaks"),
    [
        ("af_sky", "af_sky", "af_sky"),
        (" AF_SKY.wav ", "af_sky", "af_sky"),
        ({"id": "af_sky"}, "af_sky", "af_sky"),
        ("male_01", "male_01", "am_echo"),
        ("af_heart(2)+am_onyx(1)", "af_heart(2)+am_onyx(1)", "af_heart(2)+am_onyx(1)"),
    ],
)
def test_a_change_is_in_force_at_once(voicemap, value, stored, speaks):
    entry = voicemap.put(KOKORO, {"Nova ": value}).voices["nova"]
    assert (entry.set, entry.voice) == (stored, speaks)
    assert voicemap.resolve(" NOVA.wav", KOKORO).id == speaks
    assert voicemap.resolve({"id": "nova"}, KOKORO).id == speaks
    assert VoiceMap(voicemap.path).resolve("nova", KOKORO).id == speaks, "another reader sees it"
    assert voicemap.put(KOKORO, {"nova": None}).voices["nova"].voice == DEFAULTS["kokoro"]["nova"]


def test_engines_are_kept_apart(voicemap):
    voicemap.put(KOKORO, {"nova": "af_sky"})
    piper = catalogue("piper", "xm_joe", "xf_ann")
    voicemap.put(piper, {"nova": "xm_joe"})
    assert voicemap.resolve("nova", KOKORO).id == "af_sky"
    assert voicemap.resolve("nova", piper).id == "xm_joe"


def test_nothing_changes_unless_all_is_valid(voicemap):
    voicemap.put(KOKORO, {"echo": "am_adam"})
    before = voicemap.path.read_bytes()
    with pytest.raises(InvalidRequest) as caught:
        voicemap.put(
            KOKORO,
            {"alloy": "af_sky", "nova": "nobody", "bob": "af_sky", "onyx": 7, "echo": ["x"], "ash": "a+b"},
        )
    message = caught.value.message
    for word in ("'nova'", "'nobody'", "'bob': not one of OpenAI's names", "'onyx'", "'echo'", "'ash'"):
        assert word in message
    assert "'alloy':" not in message
    assert caught.value.param == "nova"
    assert voicemap.path.read_bytes() == before
    assert voicemap.get(KOKORO).voices["alloy"].set is None


def test_an_openai_name_is_not_a_voice_to_map_to(voicemap):
    with pytest.raises(InvalidRequest, match="'echo'"):
        voicemap.put(KOKORO, {"nova": "echo"})


def test_revisions(voicemap):
    first = voicemap.get(KOKORO).revision
    second = voicemap.put(KOKORO, {"nova": "af_sky"}, if_revision=first).revision
    assert second != first
    with pytest.raises(RevisionMismatch) as caught:
        voicemap.put(KOKORO, {"nova": "af_bella"}, if_revision=first)
    assert caught.value.details == {"revision": second}
    assert voicemap.resolve("nova", KOKORO).id == "af_sky"
    assert voicemap.put(KOKORO, {"nova": None}).revision == first
    assert voicemap.put(KOKORO, {}).revision == first


def test_an_unknown_voice_lists_what_is_accepted(voicemap):
    with pytest.raises(InvalidRequest) as caught:
        voicemap.resolve("nowa", KOKORO, param="voice")
    assert caught.value.param == "voice"
    assert caught.value.code == "invalid_value"
    assert caught.value.message.startswith("Invalid value: 'nowa'. Did you mean 'nova'")
    assert (
        "Supported values are: 'alloy', 'echo', 'fable', 'onyx', 'nova', 'shimmer', 'ash'"
        in caught.value.message
    )
    assert "'af_heart'" in caught.value.message


def test_an_edited_file_is_read_again(voicemap):
    voicemap.put(KOKORO, {"nova": "af_sky"})
    revision = voicemap.get(KOKORO).revision
    voicemap.path.write_text("kokoro: {Nova: af_bella, echo: null, bob: af_sky}\npiper:\n", encoding="utf-8")
    assert voicemap.resolve("nova", KOKORO).id == "af_bella"
    assert voicemap.get(KOKORO).revision != revision
    voicemap.path.unlink()
    assert voicemap.resolve("nova", KOKORO).id == DEFAULTS["kokoro"]["nova"]


def test_a_voice_that_has_gone_is_an_error_and_not_another_voice(voicemap):
    voicemap.put(catalogue("kokoro", "af_sky", "af_mine"), {"nova": "af_mine"})
    without = catalogue("kokoro", "af_sky")
    entry = voicemap.get(without).voices["nova"]
    assert (entry.set, entry.voice) == ("af_mine", None)
    with pytest.raises(
        InvalidRequest, match=r"'nova' is set to 'af_mine', which the engine kokoro no longer has"
    ):
        voicemap.resolve("nova", without)


@pytest.mark.parametrize(
    "content", [b"kokoro: {nova: [", b"\xff\xfe\x00", b"- a\n- b\n", b"kokoro: af_sky\n"]
)
def test_a_damaged_file_gives_way_to_the_last_good_copy(voicemap, content, caplog):
    voicemap.put(KOKORO, {"nova": "af_sky"})
    voicemap.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert voicemap.resolve("nova", KOKORO).id == "af_sky"
        assert voicemap.resolve("nova", KOKORO).id == "af_sky"
    assert caplog.text.count("using its last good copy") == 1
    assert voicemap.put(KOKORO, {"echo": "am_adam"}).voices["nova"].voice == "af_sky"


def test_a_damaged_file_without_a_copy_is_named(voicemap):
    voicemap.path.write_text("- a list\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"voicemap\.yaml cannot be read"):
        voicemap.resolve("nova", KOKORO)


def test_many_writers_lose_nothing(voicemap):
    choices = ["af_sky", "af_bella", "am_adam"]

    def write(name: str) -> None:
        for n in range(10):
            voicemap.put(KOKORO, {name: choices[n % 3]})

    threads = [threading.Thread(target=write, args=(name,)) for name in OPENAI_NAMES[:8]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fresh = VoiceMap(voicemap.path).get(KOKORO).voices
    assert [fresh[name].set for name in OPENAI_NAMES[:8]] == [choices[9 % 3]] * 8


WRITER = """
import sys
from pathlib import Path
from server.voices.names import Catalogue
from server.voices.voice import Voice
from server.voices.voicemap import VoiceMap
ids = [f"v{n}" for n in range(1000)]
catalogue = Catalogue("kokoro", [Voice(id=i, engine="kokoro", name=i) for i in ids])
voicemap = VoiceMap(Path(sys.argv[1]))
for n in range(int(sys.argv[2]), 1000):
    voicemap.put(catalogue, {"nova": f"v{n}", "onyx": f"v{n}"})
    print(n, flush=True)
"""


def test_killed_mid_write_a_hundred_times(voicemap):
    """Whatever was acknowledged is there, whole, after every kill."""
    ids = [f"v{n}" for n in range(1000)]
    voices = Catalogue("kokoro", [Voice(id=i, engine="kokoro", name=i) for i in ids])
    chance = random.Random(7)
    for _ in range(100):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(voicemap.path), "0"],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 6)):
            acknowledged = int(writer.stdout.readline())
        threading.Event().wait(chance.random() * 0.004)
        writer.kill()
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        acknowledged = int(rest[-1]) if rest else acknowledged
        entries = VoiceMap(voicemap.path).get(voices).voices
        assert entries["nova"].set == entries["onyx"].set
        assert entries["nova"].set in (f"v{acknowledged}", f"v{acknowledged + 1}")
