"""Moving in from a folder of AllTalk v2, a small one that is made here."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server import cli
from server.boot.arguments import parse
from server.conversion.rvc.files import RvcFolder
from server.engines.piper_voices import found
from server.errors import InvalidRequest
from server.migration import alltalk
from server.migration.alltalk import MoveIn
from server.migration.alltalk_folder import look
from server.settings import load_settings, write_user_setting
from server.voices.alltalk_names import plain_rvc, plain_voice
from server.voices.library import Library
from server.voices.names import Catalogue
from server.voices.voicemap import VoiceMap

pytestmark = pytest.mark.unit

NAMES = ("alloy", "echo", "fable", "nova", "onyx", "shimmer")
PIPER = {"audio": {"sample_rate": 22050}, "espeak": {"voice": "en-us"}, "language": {"code": "en_US"}}


def record(path: Path, seconds: float = 3.0, pitch: float = 220.0) -> None:
    """A hum that stands for somebody's voice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(22_050 * seconds)) / 22_050
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes((np.sin(2 * np.pi * pitch * time) * 9000).astype("<i2").tobytes())


def write(path: Path, content: object = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An AllTalk with something of everything."""
    root = tmp_path / "alltalk_tts"
    record(root / "voices" / "Ann.wav")
    record(root / "voices" / "O'Brien.wav", pitch=150)
    record(root / "voices" / "female_01.wav", pitch=180)
    write(root / "voices" / "broken.wav", b"no sound at all")
    write(root / "voices" / "Ann.txt", b"notes")
    for number in (1, 2):
        record(root / "voices" / "xtts_multi_voice_sets" / "Choir" / f"{number}.wav", pitch=100 * number)
    (root / "voices" / "xtts_multi_voice_sets" / "empty").mkdir()
    write(root / "voices" / "xtts_latents" / "Old.json", {"gpt": []})
    models = root / "models"
    write(models / "rvc_voices" / "Witch" / "Witch.pth")
    write(models / "rvc_voices" / "Witch" / "added_Witch_v2.index", b"index")
    write(models / "piper" / "en_US-mary-medium.onnx")
    write(models / "piper" / "en_US-mary-medium.onnx.json", PIPER)
    write(models / "piper" / "en_US-lonely-low.onnx")
    write(models / "piper" / "en_US-odd-low.onnx")
    write(models / "piper" / "en_US-odd-low.onnx.json", b"{")
    for name in ("config.json", "model.pth", "vocab.json", "dvae.pth"):
        write(models / "xtts" / "my_tune" / name)
        write(models / "xtts" / "xttsv2_2.0.3" / name)
    write(models / "xtts" / "half" / "config.json")
    engines = root / "system" / "tts_engines"
    voices = {"alloy": "Ann.wav", "echo": "voiceset:Choir", "fable": "female_01.wav", "nova": "gone.wav", "onyx": 3}
    write(engines / "xtts" / "model_settings.json", {"openai_voices": voices})
    piper = {**dict.fromkeys(NAMES, "en_US-ljspeech-high.onnx"), "nova": "en_US-mary-medium.onnx"}
    write(engines / "piper" / "model_settings.json", {"openai_voices": piper})
    write(engines / "f5tts" / "model_settings.json", {"openai_voices": dict.fromkeys(NAMES, "me.wav")})
    write(engines / "vits" / "model_settings.json", b"{")
    conversion = {
        "rvc_enabled": True, "rvc_char_model_file": "Witch\\Witch.pth", "rvc_narr_model_file": "gone.pth", "pitch": 3,
        "index_rate": 0.5, "protect": 0.4, "f0method": "fcpe",
    }  # fmt: skip
    write(root / "confignew.json", {"rvc_settings": conversion})
    return root


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def small(folder: Path) -> Path:
    """The same with less to listen to: each clip is decoded by a process of its own."""
    for name in ("O'Brien.wav", "female_01.wav"):
        (folder / "voices" / name).unlink()
    shutil.rmtree(folder / "voices" / "xtts_multi_voice_sets" / "Choir")
    return folder


def move(folder: Path, home: Path, *, agreed: bool = False, dry_run: bool = False) -> list[str]:
    said: list[str] = []
    MoveIn(look(folder), home, said.append, dry_run=dry_run).run(lambda count: agreed)
    return said


@pytest.fixture
def rvc_there(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    def set_it(there: bool) -> None:
        monkeypatch.setattr(alltalk, "rvc_is_installed", lambda: there)

    return set_it


def test_clips_become_voices_that_are_kept(folder: Path, home: Path) -> None:
    said = move(folder, home, agreed=True)
    voices = {voice.id: voice for voice in Library(home / "voices").voices("xtts")}
    assert set(voices) == {"Ann", "O_Brien", "alltalk_female_01", "Choir"}
    assert len(voices["Choir"].clips) == 2
    assert voices["Ann"].kind == "clone"
    assert "de" in voices["Ann"].languages
    for voice in voices.values():
        assert all(Path(clip).read_bytes()[:4] == b"RIFF" for clip in voice.clips)
    assert "not a WAV" in "".join(line for line in said if "broken.wav" in line)
    assert any(line.startswith("left    Old.json") for line in said)
    assert Catalogue("xtts", [*voices.values()]).find("ann.WAV") is voices["Ann"]


def test_without_consent_nothing_is_cloned_and_the_rest_comes(folder: Path, home: Path) -> None:
    said = move(folder, home)
    assert Library(home / "voices").voices("xtts") == ()
    assert "agrees" in "".join(line for line in said if "Ann.wav" in line and line.startswith("left"))
    assert (home / "rvc" / "Witch" / "Witch.pth").is_file()


def test_consent_is_asked_once_for_all(folder: Path, home: Path) -> None:
    asked: list[int] = []

    def agreed(count: int) -> bool:
        asked.append(count)
        return True

    for _ in range(2):
        MoveIn(look(folder), home, lambda line: None, dry_run=False).run(agreed)
    assert asked == [5, 1], "the second time only the broken one is new"


def test_models_lie_where_engines_look(folder: Path, home: Path) -> None:
    said = move(folder, home)
    witch = RvcFolder(home / "rvc").find("Witch")
    assert witch.index is not None
    piper = home / "models" / "piper"
    assert sorted(path.name for path in piper.iterdir()) == ["en_US-mary-medium.onnx", "en_US-mary-medium.onnx.json"]
    assert "en_US-mary-medium" in [file.name for file in found(piper)]
    assert sorted(path.name for path in (home / "models" / "xtts" / "my_tune").iterdir()) == [
        "config.json", "model.pth", "vocab.json",
    ]  # fmt: skip
    assert [path.name for path in (home / "models" / "xtts").iterdir()] == ["my_tune"]
    text = "\n".join(said)
    for what, why in (
        ("models/xtts/xttsv2_2.0.3", "published"), ("models/xtts/half", "lacks model.pth, vocab.json"),
        ("en_US-lonely-low.onnx", "beside"), ("en_US-odd-low.onnx", "cannot be read"),
    ):  # fmt: skip
        assert re.search(f"^left    {re.escape(what)}: .*{why}", text, re.MULTILINE), (what, text)


def test_openai_s_names_follow_their_voices(folder: Path, home: Path) -> None:
    said = move(folder, home, agreed=True)
    voice_map = VoiceMap(home / "voicemap.yaml")
    xtts = voice_map.get(Catalogue("xtts", Library(home / "voices").voices("xtts"))).voices
    assert {name: entry.set for name, entry in xtts.items() if entry.set} == {
        "alloy": "Ann", "echo": "Choir", "fable": "alltalk_female_01",
    }  # fmt: skip
    voices = [voice for file in found(home / "models" / "piper") for voice in file.voices()]
    piper = voice_map.get(Catalogue("piper", voices)).voices
    assert {name: entry.set for name, entry in piper.items() if entry.set} == {"nova": "en_US-mary-medium"}
    text = "\n".join(said)
    assert "left    xtts: nova = gone.wav: there is no such voice here" in text
    assert "left    OpenAI's names of f5tts" in text
    assert "left    vits/model_settings.json: cannot be read" in text


def test_names_as_alltalk_ships_them_are_nobody_s_choice(folder: Path, home: Path) -> None:
    shipped = {"openai_voices": dict.fromkeys(NAMES, "female_01.wav")}
    write(folder / "system" / "tts_engines" / "xtts" / "model_settings.json", shipped)
    assert not any("xtts: " in line for line in move(folder, home))


def test_what_is_set_here_stays(folder: Path, home: Path, rvc_there: Callable[[bool], None]) -> None:
    rvc_there(True)
    move(folder, home, agreed=True)
    voice_map = VoiceMap(home / "voicemap.yaml")
    voice_map.put(Catalogue("xtts", Library(home / "voices").voices("xtts")), {"alloy": "Choir"})
    write_user_setting(home, "rvc.index_rate", 0.9)
    before = files_of(home)
    said = move(folder, home, agreed=True)
    assert files_of(home) == before
    assert {line.split()[0] for line in said} <= {"there", "left", "note"}
    assert "there   xtts: alloy = Choir" in said


def test_conversion_is_switched_on_where_it_can_work(
    folder: Path, home: Path, rvc_there: Callable[[bool], None]
) -> None:
    rvc_there(False)
    assert any(line.startswith("left    RVC's settings: RVC is not installed") for line in move(folder, home))
    assert load_settings({"home": str(home)}).rvc.enabled is False
    rvc_there(True)
    said = move(folder, home)
    rvc = load_settings({"home": str(home)}).rvc
    assert (rvc.enabled, rvc.character, rvc.narrator) == (True, "Witch", "Disabled")
    assert (rvc.character_pitch, rvc.narrator_pitch, rvc.index_rate, rvc.protect) == (3, 3, 0.5, 0.4)
    assert any("rvc_narr_model_file = gone.pth" in line for line in said)


def test_bad_values_are_left_and_said(folder: Path, home: Path, rvc_there: Callable[[bool], None]) -> None:
    rvc_there(True)
    write(folder / "confignew.json", {"rvc_settings": {"rvc_enabled": True, "index_rate": 7}})
    assert any(line.startswith("left    rvc.index_rate = 7") for line in move(folder, home))
    write(folder / "confignew.json", b"[]")
    move(folder, home)
    write(folder / "confignew.json", b"\xff\xff")
    assert any("/confignew.json: cannot be read" in line for line in move(folder, home))


def test_a_dry_run_writes_nothing_and_tells_the_same(
    small: Path, home: Path, rvc_there: Callable[[bool], None]
) -> None:
    rvc_there(True)
    asked: list[int] = []
    dry: list[str] = []
    MoveIn(look(small), home, dry.append, dry_run=True).run(lambda count: bool(asked.append(count)))
    assert files_of(home) == {}
    assert asked == []
    assert dry == move(small, home, agreed=True)


def test_a_dry_run_refuses_what_would_be_refused(small: Path, home: Path, rvc_there: Callable[[bool], None]) -> None:
    rvc_there(True)
    long = "x" * 90
    names = ["nova", long] if os.name == "nt" else ["nova", long, "con"]  # Windows itself has no file of that name
    for name in names:
        record(small / "voices" / f"{name}.wav")
    speakers = {**PIPER, "speaker_id_map": {"one": 0, "two": 1}}
    for model, settings in (("en_US-many-low", speakers), ("en_US-bare-low", {})):
        write(small / "models" / "piper" / f"{model}.onnx")
        write(small / "models" / "piper" / f"{model}.onnx.json", settings)
    engines = small / "system" / "tts_engines"
    write(engines / "xtts" / "model_settings.json", {"openai_voices": {"alloy": "nova.wav", "bob": "Ann.wav"}})
    choices = {"alloy": "en_US-many-low.onnx", "nova": "en_US-mary-medium.onnx"}
    write(engines / "piper" / "model_settings.json", {"openai_voices": choices})
    write(small / "confignew.json", {"rvc_settings": {"rvc_enabled": True, "pitch": 99, "protect": 0.4}})
    dry = move(small, home, dry_run=True)
    assert files_of(home) == {}
    text = "\n".join(dry)
    for what, why in (
        *((f"{name}.wav", "A voice cannot be called|There is a voice 'nova' already") for name in names),
        ("en_US-bare-low.onnx", "cannot be read"),
        ("xtts: alloy = nova.wav", "no such voice"),
        ("xtts: bob = Ann.wav", "not one of OpenAI's names"),
        ("piper: alloy = en_US-many-low.onnx", "no such voice"),
        ("rvc.character_pitch = 99", "less than or equal to 24"),
        ("rvc.narrator_pitch = 99", "less than or equal to 24"),
    ):
        assert re.search(f"^left    {re.escape(what)}: .*({why})", text, re.MULTILINE), (what, text)
    assert "setting rvc.protect = 0.4" in dry
    assert dry == move(small, home, agreed=True)


def test_a_dry_run_counts_the_voices_that_come(
    small: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.voices.library.MOST_VOICES", 1)
    record(small / "voices" / "Bea.wav")
    dry = move(small, home, dry_run=True)
    assert any(line.startswith("left    Bea.wav: There are 1 voices already") for line in dry)
    assert dry == move(small, home, agreed=True)


@pytest.mark.parametrize(
    ("damaged", "what"),
    [
        ("settings.yaml", "RVC's settings"),
        ("voicemap.yaml", "OpenAI's names of xtts"),
        ("voices/xtts/voices.yaml", "Ann.wav"),
        ("models/piper/en_US-mine-low.onnx.json", "OpenAI's names of piper"),
    ],
)
def test_a_damaged_file_of_ours_is_told_with_all_that_was_left(
    damaged: str, what: str, small: Path, home: Path, rvc_there: Callable[[bool], None]
) -> None:
    rvc_there(True)
    write(home / damaged, b"a: [")
    if damaged.startswith("models"):
        write((home / damaged).with_suffix(""))
    before = files_of(home)
    dry = move(small, home, dry_run=True)
    assert files_of(home) == before
    assert any(line.startswith(f"left    {what}: ") and Path(damaged).name in line for line in dry), dry
    assert any(line.startswith("left    broken.wav: ") for line in dry), "the rest is told as well"
    assert dry == move(small, home, agreed=True)
    assert (home / damaged).read_bytes() == b"a: ["
    assert (home / "rvc" / "Witch" / "Witch.pth").is_file()


def test_a_name_that_a_mac_takes_apart_is_the_same_name(small: Path, home: Path) -> None:
    (small / "voices" / "Ann.wav").rename(small / "voices" / "E\u0301mile.wav")
    settings = {"openai_voices": {"alloy": "\u00c9mile.wav"}}
    write(small / "system" / "tts_engines" / "xtts" / "model_settings.json", settings)
    assert "name    xtts: alloy = \u00c9mile" in move(small, home, agreed=True)
    assert "there   voice \u00c9mile" in move(small, home, agreed=True)


def test_nothing_of_alltalk_s_is_changed(folder: Path, home: Path) -> None:
    before = files_of(folder)
    move(folder, home)
    assert files_of(folder) == before


def test_a_file_in_the_way_stays(folder: Path, home: Path) -> None:
    mine = write(home / "rvc" / "Witch" / "Witch.pth", b"another one")
    said = move(folder, home)
    assert mine.read_bytes() == b"another one"
    assert any(line.startswith("left    Witch.pth: another file is in its place") for line in said)


def test_a_copy_that_fails_leaves_no_half(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, goal: Path) -> None:
        goal.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(alltalk.shutil, "copyfile", full)
    said = move(folder, home)
    assert any("Witch.pth: cannot be copied" in line and "No space left" in line for line in said)
    assert [path for name in ("rvc", "models") for path in (home / name).rglob("*") if path.is_file()] == []


def test_without_an_engine_that_clones_it_says_which(
    small: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alltalk, "is_installed", lambda capabilities: False)
    assert any("install xtts --accept-licence" in line for line in move(small, home, agreed=True))
    monkeypatch.setattr(alltalk, "is_installed", lambda capabilities: True)
    assert not any("install xtts" in line for line in move(small, home, agreed=True))


def test_two_files_of_one_name(small: Path, home: Path) -> None:
    record(small / "voices" / "xtts_multi_voice_sets" / "ann" / "1.wav", pitch=300)
    said = move(small, home, agreed=True)
    assert any(line.startswith("left    voiceset:ann: another voice is called ann") for line in said)


@pytest.mark.parametrize("make", [lambda root: None, lambda root: root.mkdir(), lambda root: record(root / "a.wav")])
def test_another_folder_is_refused(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    make(tmp_path / "other")
    with pytest.raises(InvalidRequest, match="'voices' and 'system'"):
        look(tmp_path / "other")


@pytest.mark.parametrize(
    ("called", "plain"),
    [("Ann.wav", "Ann.wav"), (" x.onnx ", "x"), ("voiceset:Choir", "Choir"), ("a(2)+b", "a(2)+b"), ("x:Ana", "x:Ana")],
)
def test_voices_as_clients_call_them(called: str, plain: str) -> None:
    assert plain_voice(called) == plain


@pytest.mark.parametrize(
    ("called", "plain"),
    [("Witch.pth", "Witch"), ("a/b/Witch.PTH", "Witch"), ("a\\Witch.pth", "Witch"), ("Disabled", "Disabled")],
)
def test_rvc_voices_as_clients_call_them(called: str, plain: str) -> None:
    assert plain_rvc(called) == plain


def command(folder: Path, home: Path, *options: str) -> int:
    return cli.run(parse(["import-alltalk", str(folder), "--home", str(home), *options]))


def test_the_command(
    small: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(small, home, "--dry-run") == 0
    assert "Nothing was copied: this was a dry run" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert command(small, home) == 0
    assert "2 voices of people. Has everybody" in capsys.readouterr().out
    assert Library(home / "voices").voices("xtts") == ()
    assert command(small, home, "--yes") == 0
    out = capsys.readouterr().out
    assert "Has everybody" not in out
    assert "voice   Ann (from Ann.wav" in out
    assert re.search(r"Done, \d+ things left\.", out)


def test_the_command_refuses_another_folder(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, home, "--yes") == 1
    assert "is not AllTalk v2's folder" in capsys.readouterr().err
