"""The library of people's own voices: names, keeping, deleting and bringing back, damage from outside."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from server.errors import ConfigError, Conflict, InvalidRequest, NotFound
from server.voices.library import TRASH_SECONDS, Library, checked_name
from server.voices.manifest import VoiceSettings
from server.voices.names import Catalogue
from server.voices.voice import Voice

pytestmark = pytest.mark.unit

BUILTIN = [
    Voice(id=name, engine="tone", name=name, gender=gender, licence="CC0-1.0")
    for name, gender in (("low", "male"), ("high", "female"))
]


class Clock:
    """Time that stands until it is moved."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def library(tmp_path, clock):
    return Library(tmp_path / "voices", clock)


def catalogue(library: Library) -> Catalogue:
    return Catalogue("tone", [*BUILTIN, *library.voices("tone")], blends=True)


def again(library: Library) -> Library:
    """Another process's view of the same folder."""
    return Library(library._folder, library._clock)


def clone(library: Library, name: str = "Bob", clip: bytes = b"RIFF one") -> Voice:
    return library.add_clone(name, [clip], catalogue(library), languages=("de",), gender="male")


def test_an_empty_library(library, tmp_path):
    assert library.voices("tone") == ()
    assert library.settings("tone", "low") == VoiceSettings()
    assert not (tmp_path / "voices").exists(), "looking makes no folder"


def test_a_blend_is_kept_and_found(library):
    voice = library.add_blend("Warm one", "low(1)+high(3)", catalogue(library))
    assert voice.id == "Warm one"
    assert voice.kind == "blend"
    assert dict(voice.blend) == {"low": 0.25, "high": 0.75}
    assert list(again(library).voices("tone")) == [voice]
    assert catalogue(library).resolve(" warm ONE.wav") == voice
    nested = library.add_blend("nested", "Warm one+low", catalogue(library))
    assert dict(nested.blend) == {"low": 0.625, "high": 0.375}


def test_a_clone_keeps_its_clips_by_content(library):
    voice = library.add_clone("Bob", [b"RIFF one", b"RIFF two"], catalogue(library), transcript="Hello.")
    assert [Path(clip).read_bytes() for clip in voice.clips] == [b"RIFF one", b"RIFF two"]
    assert Path(voice.clips[0]).name == hashlib.sha256(b"RIFF one").hexdigest() + ".wav"
    assert "Bob" not in str(voice.clips)
    assert list(again(library).voices("tone")) == [voice]
    assert voice.transcript == "Hello."


def test_engines_are_kept_apart(library):
    clone(library)
    assert library.voices("xtts") == ()


IMPOSSIBLE = ["", "   ", ".hidden", "../../etc/passwd", "a/b", "a\\b", "a:b", "a+b", "a*", "<b>", '"quoted"']
IMPOSSIBLE += ["x" * 81, "a\nb", "a\x00b", "a\u202eb", "🎭", "CON", "nul.txt", "Com1", "lpt9.wav"]
POSSIBLE = {"Bob": "Bob", "  Bob (2) ": "Bob (2)", "Zoe\u0308": "Zoë", "声優": "声優", "a.b-c_d": "a.b-c_d"}
POSSIBLE |= {"console": "console", "x" * 80: "x" * 80}
DAMAGED = [
    b"\xff\xfe\x00",
    b"voices: [",
    b"- a",
    b"voices: [{id: x}]",
    b"settings: {a: {b: 1}}",
    b"voices: [{id: x, kind: clone, clips: [../../secret]}]",
    b"voices: [{id: x, kind: builtin}]",
]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_names_that_cannot_be(name):
    with pytest.raises(InvalidRequest) as caught:
        checked_name(name)
    assert caught.value.param == "name"


@pytest.mark.parametrize(("name", "kept"), POSSIBLE.items())
def test_names_that_can_be(name, kept):
    assert checked_name(name) == kept


@pytest.mark.parametrize("name", ["low", "LOW", "nova", "Nova", "female_01", "MALE_7", "bob", "Bob "])
def test_names_that_mean_something_already(library, name):
    clone(library)
    with pytest.raises(Conflict) as caught:
        library.add_blend(name, "low+high", catalogue(library))
    assert caught.value.code == "voice_exists"
    with pytest.raises(Conflict):
        clone(library, name)


def test_a_catalogue_from_before_does_not_hide_a_taken_name(library):
    before = catalogue(library)
    clone(library)
    with pytest.raises(Conflict):
        library.add_blend("BOB", "low+high", before)


def test_refusals_when_adding(library):
    with pytest.raises(InvalidRequest, match=r"cannot end in \.wav"):
        clone(library, "bob.wav")
    with pytest.raises(InvalidRequest, match="not a blend"):
        library.add_blend("one", "low", catalogue(library))
    with pytest.raises(InvalidRequest, match="'nobody'") as caught:
        library.add_blend("one", "low+nobody", catalogue(library))
    assert caught.value.param == "blend"
    with pytest.raises(InvalidRequest, match="needs a clip"):
        library.add_clone("one", [], catalogue(library))
    clone(library)
    with pytest.raises(InvalidRequest, match="cloned voice"):
        library.add_blend("mix", "Bob+low", catalogue(library))


def test_renaming_changes_what_people_read(library):
    clone(library)
    renamed = library.rename("tone", "Bob", "Robert")
    assert (renamed.id, renamed.name) == ("Bob", "Robert")
    assert again(library).voices("tone")[0].name == "Robert"
    with pytest.raises(InvalidRequest):
        library.rename("tone", "Bob", "a/b")
    with pytest.raises(NotFound, match="'low' of your own"):
        library.rename("tone", "low", "Lower")


def test_deleting_and_bringing_back(library, clock):
    voice = clone(library)
    library.delete("tone", "Bob")
    assert library.voices("tone") == ()
    assert again(library).deleted("tone") == [voice]
    assert library.restore("tone", "Bob") == voice
    assert list(library.voices("tone")) == [voice]
    assert library.deleted("tone") == []
    with pytest.raises(NotFound):
        library.delete("tone", "nobody")
    with pytest.raises(NotFound):
        library.restore("tone", "Bob")


def test_bringing_back_beside_a_new_voice_of_that_name(library):
    clone(library)
    library.delete("tone", "Bob")
    clone(library, "Bob", b"RIFF other")
    with pytest.raises(Conflict):
        library.restore("tone", "Bob")


def test_the_trash_is_emptied_with_its_clips(library, clock):
    gone, stays = clone(library), clone(library, "Ann", b"RIFF two")
    shared = clone(library, "Twin", b"RIFF two")
    library.delete("tone", "Bob")
    library.delete("tone", "Ann")
    clock.now += TRASH_SECONDS + 1
    assert library.deleted("tone") == []
    with pytest.raises(NotFound):
        library.restore("tone", "Bob")
    library.rename("tone", "Twin", "Sister")
    assert not Path(gone.clips[0]).exists()
    assert Path(stays.clips[0]).exists()
    assert stays.clips == shared.clips


def test_deleting_for_ever(library):
    voice = clone(library)
    library.delete("tone", "Bob", forever=True)
    assert library.deleted("tone") == []
    assert not Path(voice.clips[0]).exists()
    assert clone(library) == voice


def test_settings_of_voices(library):
    library.set_settings("tone", "low", VoiceSettings(speed=1.2, rvc="Disabled", rvc_pitch=-3))
    assert again(library).settings("tone", "low") == VoiceSettings(1.2, "Disabled", -3)
    assert library.settings("tone", "high") == VoiceSettings()
    library.set_settings("tone", "low", VoiceSettings())
    library.set_settings("tone", "high", VoiceSettings())
    assert again(library).settings("tone", "low") == VoiceSettings()


def test_revisions_change_with_everything(library):
    seen = [library.revision("tone")]
    clone(library)
    seen.append(library.revision("tone"))
    library.rename("tone", "Bob", "Robert")
    seen.append(library.revision("tone"))
    library.set_settings("tone", "low", VoiceSettings(speed=2))
    seen.append(library.revision("tone"))
    library.delete("tone", "Bob")
    seen.append(library.revision("tone"))
    assert len(set(seen)) == 5


def test_another_process_is_seen(library):
    other = again(library)
    assert library.voices("tone") == ()
    clone(other)
    assert [voice.id for voice in library.voices("tone")] == ["Bob"]


def test_a_voice_without_its_clip_is_left_out_and_the_others_speak(library, caplog):
    voice = clone(library)
    clone(library, "Ann", b"RIFF two")
    Path(voice.clips[0]).unlink()
    with caplog.at_level(logging.WARNING):
        assert [found.id for found in again(library).voices("tone")] == ["Ann"]
    assert "'Bob' of tone has lost its clip" in caplog.text


def manifest(library: Library) -> Path:
    return library._folder / "tone" / "voices.yaml"


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_list(library, content, caplog):
    voice = clone(library)
    manifest(library).write_bytes(content)
    assert list(library.voices("tone")) == [voice]
    assert "using its last good copy" in caplog.text

    manifest(library).with_name("voices.yaml.bak").write_bytes(content)
    alone = again(library)
    assert alone.voices("tone") == ()
    assert alone.settings("tone", "low") == VoiceSettings()
    with pytest.raises(ConfigError, match=r"voices\.yaml cannot be read"):
        alone.set_settings("tone", "low", VoiceSettings(speed=1))
    assert manifest(library).read_bytes() == content, "what is there is not written over"
