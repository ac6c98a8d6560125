"""``/api/lexicon``: in force for the next sentence, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.running import Running

pytestmark = pytest.mark.api

PATH = "/api/lexicon"


@pytest.fixture(autouse=True)
def _as_it_was(http: httpx.Client) -> Iterator[None]:
    yield
    http.put(PATH, json={"entries": {}}).raise_for_status()


def seconds(http: httpx.Client, text: str, **more: str) -> float:
    """The tone engine hums as long as the words that it is given are."""
    body = {"model": "any", "input": text, "voice": "nova", "response_format": "pcm", **more}
    return len(http.post("/v1/audio/speech", json=body).content) / 48_000


def put(http: httpx.Client, language: str, *entries: dict[str, object]) -> httpx.Response:
    return http.put(PATH, json={"entries": {language: list(entries)}})


def test_it_is_empty_at_first(http: httpx.Client) -> None:
    answer = http.get(PATH)
    assert answer.json()["entries"] == {}
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'


def test_a_respelling_is_in_force_for_the_next_sentence(http: httpx.Client) -> None:
    usual = seconds(http, "Say Xanthe now.")
    answer = put(http, "en", {"word": "Xanthe", "say": "Zan-thee-the-magnificent-one"})
    assert answer.status_code == 200
    assert answer.json()["entries"] == {
        "en": [{"word": "Xanthe", "say": "Zan-thee-the-magnificent-one", "case_sensitive": False}]
    }
    assert answer.json() == http.get(PATH).json()
    assert seconds(http, "Say Xanthe now.") > usual + 1
    assert seconds(http, "Say xanthe now.") > usual + 1
    assert seconds(http, "Say Xanthes now.") < usual + 0.5
    put(http, "en", {"word": "Xanthe", "say": "Zan-thee-the-magnificent-one", "case_sensitive": True})
    assert seconds(http, "Say xanthe now.") == usual


def test_languages_have_their_own_words_and_the_star_is_for_all(http: httpx.Client) -> None:
    usual = seconds(http, "Xanthe kommt.", language="de")
    put(http, "en", {"word": "Xanthe", "say": "a-very-long-word-that-takes-long"})
    assert seconds(http, "Xanthe kommt.", language="de") == usual
    put(http, "*", {"word": "Xanthe", "say": "a-very-long-word-that-takes-long"})
    assert seconds(http, "Xanthe kommt.", language="de") > usual + 1


def test_a_put_replaces_everything(http: httpx.Client) -> None:
    put(http, "en", {"word": "one", "say": "two"})
    put(http, "de", {"word": "eins", "say": "zwei"})
    assert set(http.get(PATH).json()["entries"]) == {"de"}


def test_a_file_edited_by_hand_is_seen(served: Running, http: httpx.Client) -> None:
    (served.home / "lexicon.yaml").write_text("en:\n- {word: GIF, say: /dʒɪf/}\n", encoding="utf-8")
    assert http.get(PATH).json()["entries"]["en"][0]["say"] == "/dʒɪf/"


def test_a_revision_guards_against_lost_changes(http: httpx.Client) -> None:
    seen = http.get(PATH).headers["etag"]
    entries = {"entries": {"en": [{"word": "one", "say": "two"}]}}
    assert http.put(PATH, json=entries, headers={"If-Match": seen}).headers["etag"] != seen
    late = http.put(PATH, json={"entries": {}}, headers={"If-Match": seen})
    assert (late.status_code, late.json()["error"]["code"]) == (412, "revision_mismatch")
    assert http.get(PATH).json()["entries"] != {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "entries"),
        ({"entries": []}, "entries"),
        ({"entries": {"English": []}}, "entries"),
        ({"entries": {"en": {}}}, "entries.en"),
        ({"entries": {"en": ["x"]}}, "entries.en[0]"),
        ({"entries": {"en": [{"word": "x"}]}}, "entries.en[0].say"),
        ({"entries": {"en": [{"word": "x", "say": "y"}, {"say": "y"}]}}, "entries.en[1].word"),
        ({"entries": {"en": [{"word": "x", "say": "/y"}]}}, "entries.en[0].say"),
        ({"entries": {"en": [{"word": "x" * 101, "say": "y"}]}}, "entries.en[0].word"),
        ({"entries": {"en": [{"word": "x", "say": "y" * 201}]}}, "entries.en[0].say"),
        ({"entries": {"en": [{"word": "x", "say": "y", "case_sensitive": "no"}]}}, "entries.en[0].case_sensitive"),
        ({"entries": {"en": [{"word": "x", "say": "y", "sya": "z"}]}}, "entries.en[0]"),
    ],
)
def test_a_wrong_entry_is_named_and_nothing_changes(http: httpx.Client, body: dict[str, object], param: str) -> None:
    put(http, "en", {"word": "one", "say": "two"})
    before = http.get(PATH).json()
    answer = http.put(PATH, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert http.get(PATH).json() == before
