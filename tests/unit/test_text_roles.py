"""Roles: marks that flip them, marks that must not, and how a message is continued."""

from __future__ import annotations

import pytest

from server.errors import InvalidRequest
from server.text.roles import RoleRules, RoleSplitter
from server.text.traced import WEAK_STOP, Glyph

pytestmark = pytest.mark.unit

NOVEL = RoleRules(unmarked="narrator")


def roles(
    text: str, rules: RoleRules | None = None, cast: dict[str, str] | None = None
) -> list[tuple[str | None, str]]:
    """Runs of one role, trimmed; runs without a letter are left out."""
    runs: list[tuple[str | None, str]] = []

    def take(role: str | None, glyph: Glyph) -> None:
        if runs and runs[-1][0] == role:
            runs[-1] = (role, runs[-1][1] + glyph.char)
        else:
            runs.append((role, glyph.char))

    splitter = RoleSplitter(take, rules, cast)
    splitter.add(Glyph(c, i, i + 1) for i, c in enumerate(text))
    splitter.finish()
    runs = [(role, run.replace(WEAK_STOP, "")) for role, run in runs]
    return [(role, run.strip()) for role, run in runs if any(c.isalnum() for c in run)]


C, N = "character", "narrator"


@pytest.mark.parametrize(("text", "expected"), [
    ("*a b* c", [(N, "a b"), (C, "c")]),
    ("_a b_ c", [(N, "a b"), (C, "c")]),
    ("**a** b", [(C, "a b")]),
    ("***a*** b", [(N, "a"), (C, "b")]),
    ("__a__ b", [(C, "a b")]),
    ("****a**** b", [(C, "a b")]),
    ("* a *b* c", [(C, "a"), (N, "b"), (C, "c")]),
    ("2*3 and 2 * 3 and x", [(C, "2*3 and 2 * 3 and x")]),
    ("*2 * 3 is six* ok", [(N, "2 * 3 is six"), (C, "ok")]),
    ("f*ck *a* sh*t", [(C, "f*ck"), (N, "a"), (C, "sh*t")]),
    ("*what the f*ck is that* ok", [(N, "what the f*ck is that"), (C, "ok")]),
    ("snake_case a_b_c ^_^ T_T", [(C, "snake_case a_b_c ^_^ T_T")]),
    ("*nods*Fine.", [(N, "nods"), (C, "Fine.")]),
    ("a.*b* c", [(C, "a."), (N, "b"), (C, "c")]),
    ("*a **b** c* d", [(N, "a b c"), (C, "d")]),
    ("**a *b* c** d", [(C, "a"), (N, "b"), (C, "c d")]),
    ("*a _b_ c* d", [(N, "a b c"), (C, "d")]),
    ("*a\u2029b", [(N, "a"), (C, "b")]),
    ("*a\n*b* c", [(N, "a\nb"), (C, "c")]),
    ("*a. *b* c", [(N, "a. b"), (C, "c")]),
    ("a* b *c* d", [(C, "a b"), (N, "c"), (C, "d")]),
    ("*a** b", [(N, "a"), (C, "b")]),
    ("*hello * there", [(N, "hello"), (C, "there")]),
])  # fmt: skip
def test_asterisks_and_underscores(text: str, expected: list[tuple[str, str]]) -> None:
    assert roles(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ('"a" b', [(C, '"a"'), (N, "b")]),
    ("“a” b", [(C, "“a”"), (N, "b")]),
    ("„a“ b", [(C, "„a“"), (N, "b")]),
    ("„a” b", [(C, "„a”"), (N, "b")]),
    ("»a« b", [(C, "»a«"), (N, "b")]),
    ("« a » b", [(C, "« a »"), (N, "b")]),
    ("”a” b", [(C, "”a”"), (N, "b")]),
    ("「a『b』c」 d", [(C, "「a『b』c」"), (N, "d")]),
    ("“a “b” c", [(C, "“a “b”"), (N, "c")]),
    ('"a “b” c" d', [(C, '"a “b” c"'), (N, "d")]),
    ('“a "b" c” d', [(C, '“a "b" c”'), (N, "d")]),
    ('"a *b* c" d', [(C, '"a b c"'), (N, "d")]),
    ('"a *b" c', [(C, '"a b"'), (N, "c")]),
    ('*a "b *c* d" e* f', [(N, "a"), (C, '"b c d"'), (N, "e f")]),
    ('*"a"* b', [(C, '"a"'), (N, "b")]),
    ('**"a"** b', [(C, '"a"'), (N, "b")]),
    ('"a *b*\u2029c', [(C, '"a b'), (N, "c")]),
    ('"a\n*b* c', [(C, '"a'), (N, "b c")]),
    ('5\'10" a 6" b', [(N, '5\'10″ a 6″ b')]),
    ('"5\'10" tall" b', [(C, '"5\'10″ tall"'), (N, "b")]),
    ('"in 1984" b', [(C, '"in 1984"'), (N, "b")]),
    ('" a" b', [(C, '" a"'), (N, "b")]),
    ("'a' b don't", [(N, "'a' b don't")]),
    ('a "b', [(N, "a"), (C, '"b')]),
    ('a" b "c" d', [(N, 'a" b'), (C, '"c"'), (N, "d")]),
    ('"a. "b" c', [(C, '"a. "b"'), (N, "c")]),
    ('a."b" c', [(N, "a."), (C, '"b"'), (N, "c")]),
    ('("a") b', [(C, '"a"'), (N, ") b")]),
    ('""a b', [(N, "a b")]),
])  # fmt: skip
def test_quotation_marks(text: str, expected: list[tuple[str, str]]) -> None:
    assert roles(text, NOVEL) == expected


def test_literal_marks_mean_nothing() -> None:
    heard: list[str | None] = []
    splitter = RoleSplitter(lambda role, glyph: heard.append(role))
    splitter.add(Glyph(c, i, i + 1, literal=True) for i, c in enumerate('*a* "b"'))
    splitter.finish()
    assert set(heard) == {"character"}


@pytest.mark.parametrize(("text", "expected"), [
    ("Anna: a", [("Anna", "a")]),
    ("anna : a", [("Anna", "a")]),
    ("**Anna:** a", [("Anna", "a")]),
    ("**Anna**: a", [("Anna", "a")]),
    ("*Anna*: a", [("Anna", "a")]),
    ("Anna： a", [("Anna", "a")]),
    ("Anna", [(C, "Anna")]),
    ("Anna Belle: a", [("Anna Belle", "a")]),
    ("Anna Bel: a", [(C, "Anna Bel: a")]),
    ("a Anna: b", [(C, "a Anna: b")]),
    ("a\nAnna: b\nc", [(C, "a"), ("Anna", "b\nc")]),
    ("You: a", [("user", "a")]),
    ('Anna: *a* "b" c', [(N, "a"), ("Anna", '"b" c')]),
    ("*Anna waves.* a", [(N, "Anna waves."), (C, "a")]),
    ("Time: a", [(C, "Time: a")]),
])  # fmt: skip
def test_names(text: str, expected: list[tuple[str, str]]) -> None:
    cast = {"Anna": "Anna", "Anna Belle": "Anna Belle", "You": "user"}
    assert roles(text, cast=cast) == expected


def test_skipping() -> None:
    text = '*a* "b" c'
    assert roles(text, RoleRules(skip=frozenset({"actions"}))) == [(None, "a"), (C, '"b" c')]
    assert roles(text, RoleRules(skip=frozenset({"speech"}))) == [(N, "a"), (None, '"b"'), (C, "c")]
    silent = RoleRules(skip=frozenset({"actions", "speech"}), unmarked="silent")
    assert roles(text, silent) == [(None, 'a "b" c')]
    assert roles(text, RoleRules(split=False)) == [(C, 'a "b" c')]
    assert roles(text, RoleRules(speaker="user")) == [(N, "a"), ("user", '"b" c')]


@pytest.mark.parametrize("wrong", [{"unmarked": "nobody"}, {"skip": frozenset({"everything"})}])
def test_unknown_rules_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        RoleRules(**wrong)  # type: ignore[arg-type]
