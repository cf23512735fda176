"""Answers are understood exactly, or not at all: what is negated, asked or in distress is never taken for "fixed"."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.optout import STOP
from outreach.replies import KEYS, Grammar, Meaning
from outreach.replies.fold import fold, words
from outreach.replies.lexicon import Lexicon, faults, lexicons

GRAMMAR = Grammar()
OWN = lexicons()
SAID = [
    ("Fixed", "fixed"), ("It's working again, thanks!", "fixed"), ("works now 👍", "fixed"), ("✅", "fixed"),
    ("Läuft wieder, danke", "fixed"), ("laeuft wieder", "fixed"), ("GEHT WIEDER!!!", "fixed"), ("Ja, behoben", "fixed"),
    ("still broken", "broken"), ("Not fixed", "broken"), ("still not", "broken"), ("nicht behoben", "broken"),
    ("It still doesn’t work!", "broken"), ("geht immer noch nicht", "broken"), ("❌", "broken"),
    ("call me please", "call"), ("Can you call me?", "call"), ("Rufen Sie mich bitte an", "other"),
    ("Rufen Sie mich an, bitte", "call"), ("Rückruf", "call"),
    ("HELP", "help"), ("Hilfe!", "help"), ("help?", "help"),
    ("not me", "not_mine"), ("Das betrifft uns nicht", "not_mine"), ("I didn't notice anything", "not_mine"),
    ("Thanks!", "thanks"), ("ok 👍", "thanks"), ("👍🏽", "thanks"), ("Vielen Dank", "thanks"),
    ("STOP", "stop"), ("Stopp!", "stop"), ("stop, thanks", "other"), ("START", "start"),
    ("fixed?", "other"), ("Is it fixed", "other"), ("behoben?", "other"), ("fixed I think", "other"), ("yes", "other"),
    ("not really fixed", "other"), ("fixed not", "other"), ("", "other"), ("…", "other"), ("Hello", "other"),
    ("This is an emergency", "distress"), ("I will sue you", "distress"), ("My lawyer will call me", "distress"),
    ("Das ist ein Notfall!", "distress"), ("Mein Anwalt meldet sich", "distress"), ("Ich bin stinksauer", "distress"),
    ("she is on a ventilator", "distress"), ("ES REICHT MIR!", "distress"), ("mir reicht es", "distress"),
    ("fixed, but I am furious", "distress"), ("I want to die", "distress"), ("Das ist so eine Frechheit", "distress"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meaning"), SAID)
def test_said(text: str, meaning: str) -> None:
    assert GRAMMAR.read(text).meaning == meaning


@pytest.mark.parametrize("word", sorted(STOP))
def test_c02_stop_beats_all(word: str) -> None:
    for text in (word, word.upper(), f" {word}! ", f"«{word}»", f"{word}\n-- \nAnn Lawyer, Attorney"):
        assert GRAMMAR.read(text).meaning == "stop"


def test_c02_what_may_be_an_opt_out_suspends_whatever_else_it_is() -> None:
    reading = GRAMMAR.read("Stop texting me or my lawyer will call you")
    assert (reading.meaning, reading.may_stop) == ("distress", True)
    assert GRAMMAR.read("please don't text me").meaning == "other"
    assert not GRAMMAR.read("I am furious").may_stop


FIXED = sorted(phrase for lexicon in OWN.values() for phrase, meant in lexicon.phrases.items() if meant == "fixed")
NEGATIONS = (
    "not", "no", "isnt", "never", "still", "nicht", "kein", "keine", "nie", "noch nicht", "immer noch", "hardly", "kaum"
)  # fmt: skip


@given(st.sampled_from(FIXED), st.sampled_from(NEGATIONS), st.data())
def test_what_is_negated_is_never_fixed(phrase: tuple[str, ...], negation: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(phrase)))
    text = " ".join((*phrase[:at], negation, *phrase[at:]))
    assert GRAMMAR.read(text).meaning != "fixed" or words(text) in FIXED


@given(st.sampled_from(FIXED), st.sampled_from("?？؟¿"))
def test_what_is_asked_is_never_fixed(phrase: tuple[str, ...], mark: str) -> None:
    assert GRAMMAR.read(" ".join(phrase) + mark).meaning == "other"


ALL = sorted({(" ".join(phrase), str(meant)) for each in OWN.values() for phrase, meant in each.phrases.items()})
LOOKS = str.maketrans("aceiopxyACEHIKMOPTX", "асеіорхуАСЕНІКМОРТХ")
WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


BLANKS = (" ", "  ", "\n", "\t", "\u00a0")
BEFORE = ("", " ", "\n", "…", "!!", "\u200b")
AFTER = ("", ".", "!", " !", "\r\n", "\ufe0f")


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, str]:
    """Return a known phrase as people, phones and tricksters write it, and what it means."""
    text, meaning = draw(st.sampled_from(ALL))
    blank, before, after = (draw(st.sampled_from(each)) for each in (BLANKS, BEFORE, AFTER))
    changes = [
        str.upper,
        str.title,
        lambda each: each.translate(WIDE),
        lambda each: each.translate(LOOKS),
        lambda each: unicodedata.normalize("NFD", each),
        lambda each: each.replace(" ", blank),
        lambda each: before + each + after,
    ]
    for change in draw(st.lists(st.sampled_from(changes), max_size=3)):
        text = change(text)
    return text, meaning


@given(disguised())
def test_case_blanks_punctuation_and_look_alikes_make_no_difference(given_: tuple[str, str]) -> None:
    text, meaning = given_
    assert GRAMMAR.read(text).meaning == meaning


@given(st.text(max_size=300), st.sampled_from(["", "de", "de-AT", "fr", "x" * 50]), st.text(max_size=9))
def test_whatever_is_written_means_something(text: str, locale: str, button: str) -> None:
    assert GRAMMAR.read(text, locale, button).meaning in Meaning
    assert fold(fold(text)) == fold(fold(fold(text)))


@pytest.mark.parametrize(("key", "meaning"), KEYS.items())
def test_keys_of_a_telephone_and_buttons(key: str, meaning: Meaning) -> None:
    assert GRAMMAR.read("", button=key).meaning is meaning
    assert GRAMMAR.read("", button=str(meaning)).meaning is meaning
    assert GRAMMAR.read(key).meaning is Meaning.OTHER, "in a text, a number alone is none of them"


def test_no_word_has_two_meanings_in_two_languages() -> None:
    english, german = OWN["en"].phrases, OWN["de"].phrases
    both = english.keys() & german.keys()
    assert {each: english[each] for each in both} == {each: german[each] for each in both}


def test_a_very_long_answer_is_a_persons() -> None:
    assert GRAMMAR.read("please " * 10_000 + "fixed").meaning == "other"


def written(folder: Path, text: str, locale: str = "en") -> Path:
    path = folder / "_replies" / "words" / f"{locale}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_team_adds_words_and_languages_and_takes_none_away(tmp_path: Path) -> None:
    written(tmp_path, "[fixed]\nall green\n[distress]\nrecall*\n[broken]\nfixed\n")
    written(tmp_path, "# français\n[fixed]\nça marche  # sans accent aussi\n[stop]\narrêt\n", "fr")
    grammar = Grammar(tmp_path)
    assert grammar.read("All green!").meaning == "fixed"
    assert grammar.read("is there a recalled one").meaning == "distress"
    assert grammar.read("fixed").meaning == "fixed"
    assert grammar.read("Ca marche", "fr-CA").meaning == "fixed"
    assert grammar.read("ARRET").meaning == "stop"
    assert grammar.read("lawyer", "fr").meaning == "distress"


def test_faults_of_a_teams_words_are_told_with_their_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "orphan\n[fixt]\nx\n[fixed]\nstill broken\nplease unsubscribe\n!!\nfine for us\n")
    told = faults(tmp_path)
    assert [(each.file, each.line) for each in told] == [(str(path), line) for line in (1, 2, 5, 6, 7)]
    assert "no heading" in told[0].message
    assert "no meaning 'fixt'" in told[1].message
    assert "means broken already" in told[2].message
    assert "opt-out" in told[3].message
    path.write_bytes(b"\xff")
    assert "UTF-8" in faults(tmp_path)[0].message


def test_polite_words_alone_mean_nothing() -> None:
    lexicon = Lexicon({("fixed",): Meaning.FIXED}, frozenset({("please",)}))
    assert lexicon.meaning(("please",)) is None
    assert lexicon.meaning(("please", "fixed", "please")) is Meaning.FIXED
