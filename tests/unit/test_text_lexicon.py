"""The lexicon: what is found, what is refused, and its file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from server.errors import InvalidRequest, RevisionMismatch
from server.text.lexicon import Lexicon
from server.text.options import TextOptions
from server.text.piece import PhonemeSpan, Piece
from server.text.pipeline import PushPipeline, TextPipeline

pytestmark = pytest.mark.unit


def spoken(lexicon: Lexicon, text: str, language: str = "en") -> str:
    return " ".join(p.text for p in TextPipeline(TextOptions(language=language), lexicon).pieces(text))


def holding(**entries: list[dict[str, Any]]) -> Lexicon:
    lexicon = Lexicon()
    lexicon.replace({name.replace("_", "-"): held for name, held in entries.items()})
    return lexicon


def test_respellings() -> None:
    lexicon = holding(en=[
        {"word": "Nguyen", "say": "win"},
        {"word": "RTX 4090", "say": "R T X forty ninety"},
        {"word": "IT", "say": "eye tee", "case_sensitive": True},
        {"word": "C++", "say": "see plus plus"},
    ])  # fmt: skip
    assert spoken(lexicon, "nguyen's RTX  4090, it's IT. Nguyens use C++!") == (
        "win's R T X forty ninety, it's eye tee. Nguyens use see plus plus!"
    )


def test_phonemes() -> None:
    (piece,) = TextPipeline(lexicon=holding(en=[{"word": "Siân", "say": "/ʃɑːn/"}])).pieces("Is Siân 5?")
    assert piece.text == "Is Siân five?"
    assert piece.phonemes == (PhonemeSpan(3, 7, "ʃɑːn"),)
    assert piece.source_of(3, 7) == (3, 7)


def test_what_normalisation_makes_is_looked_up_too() -> None:
    assert spoken(holding(en=[{"word": "kilometers", "say": "klicks"}]), "5 km") == "five klicks"


def test_the_more_particular_language_wins() -> None:
    lexicon = holding(**{"en": [{"word": "vase", "say": "vayz"}], "en_gb": [{"word": "vase", "say": "vahz"}]})
    assert spoken(lexicon, "A vase.") == "A vayz."
    assert spoken(lexicon, "A vase.", "en-gb") == "A vahz."
    assert spoken(lexicon, "Une vase.", "fr") == "Une vase."


def test_every_language_and_scripts_without_spaces() -> None:
    lexicon = Lexicon()
    lexicon.replace({"*": [{"word": "Troupe", "say": "troop"}], "ja": [{"word": "今日", "say": "きょう"}]})
    assert spoken(lexicon, "Troupe!", "de") == "troop!"
    assert spoken(lexicon, "今日は晴れ。", "ja") == "きょうは晴れ。"


def test_in_force_for_the_next_sentence() -> None:
    lexicon = Lexicon()
    pipeline = PushPipeline(lexicon=lexicon)
    first = pipeline.add("Hi Ann. B")
    lexicon.replace({"en": [{"word": "Ann", "say": "Anne"}]})
    assert [s.piece.text for s in (*first, *pipeline.add("ye Ann. "), *pipeline.finish())] == ["Hi Ann.", "Bye Anne."]


def test_the_file_is_kept_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lexicon.yaml"
    lexicon = Lexicon(path)
    lexicon.replace(
        {"en": [{"word": "Siân", "say": "/ʃɑːn/"}, {"word": "SQL", "say": "sequel", "case_sensitive": True}]}
    )
    again = Lexicon(path)
    assert again.to_json() == lexicon.to_json()
    assert again.to_json()["entries"]["en"][1] == {"word": "SQL", "say": "sequel", "case_sensitive": True}
    assert sorted(p.name for p in path.parent.iterdir()) == ["lexicon.yaml", "lexicon.yaml.bak"]


def test_a_change_on_disk_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.yaml"
    lexicon = Lexicon(path)
    assert spoken(lexicon, "Ann") == "Ann"
    before = lexicon.revision
    path.write_text("en:\n- {word: Ann, say: Anne}\n", encoding="utf-8")
    assert spoken(lexicon, "Ann") == "Anne"
    assert lexicon.revision != before
    path.unlink()
    assert spoken(lexicon, "Ann") == "Ann"
    assert lexicon.revision == before


def test_a_broken_file_leaves_what_was_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "lexicon.yaml"
    path.write_text("en:\n- {word: Ann, say: Anne}\n", encoding="utf-8")
    lexicon = Lexicon(path)
    path.write_text("en: [{word: Ann", encoding="utf-8")
    os.utime(path, (1, 1))
    assert spoken(lexicon, "Ann") == "Anne"
    assert spoken(lexicon, "Ann") == "Anne"
    (record,) = caplog.records
    assert "lexicon.yaml" in record.getMessage()


def test_a_broken_file_without_a_good_copy_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "lexicon.yaml"
    path.write_text("en: {}", encoding="utf-8")
    assert spoken(Lexicon(path), "Ann") == "Ann"
    assert "entries.en" in caplog.text


def test_a_stale_revision_is_refused() -> None:
    lexicon = Lexicon()
    old = lexicon.revision
    lexicon.replace({"en": [{"word": "a", "say": "b"}]}, revision=old)
    with pytest.raises(RevisionMismatch) as caught:
        lexicon.replace({}, revision=old)
    assert caught.value.details == {"revision": lexicon.revision}


@pytest.mark.parametrize(("entries", "named"), [
    ([], "languages"),
    ({"English": []}, "English"),
    ({5: []}, "5"),
    ({"en": {}}, "entries.en"),
    ({"en": ["x"]}, r"entries.en\[0\]"),
    ({"en": [{"word": "a", "say": "b"}, {"word": "a"}]}, r"entries.en\[1\].say"),
    ({"en": [{"word": "", "say": "b"}]}, "word"),
    ({"en": [{"word": "a" * 101, "say": "b"}]}, "word"),
    ({"en": [{"word": "a", "say": "b" * 201}]}, "say"),
    ({"en": [{"word": "a", "say": "/b"}]}, "slashes"),
    ({"en": [{"word": "a", "say": "//"}]}, "slashes"),
    ({"en": [{"word": "a", "say": "b", "case_sensitive": "no"}]}, "case_sensitive"),
    ({"en": [{"word": "a", "say": "b", "speed": 2}]}, "speed"),
    ({"en": [{"word": "a", "say": "b"}] * 20_001}, "20000"),
])  # fmt: skip
def test_bad_entries_are_named(entries: object, named: str) -> None:
    lexicon = holding(en=[{"word": "kept", "say": "kept"}])
    with pytest.raises(InvalidRequest, match=named):
        lexicon.replace(entries)
    assert lexicon.to_json()["entries"]["en"][0]["word"] == "kept"


def test_a_piece_without_entries_is_untouched() -> None:
    (piece,) = TextPipeline(lexicon=Lexicon()).pieces("Hello.")
    assert isinstance(piece, Piece)
    assert piece.phonemes == ()
