"""What the HTML of an e-mail is made of."""

from outreach.layout import Piece, blocks, preheader

PAGE = "https://status.example.com/m/abc"
TEXT = f"""Hello,

First paragraph.
Second line.

What now?
- one
- two

See more: {PAGE}

Look at {PAGE}. Then https://evil.example/.

--
Because. Choose here: {PAGE}
"""


def test_blocks() -> None:
    body, small = blocks(TEXT, [PAGE])
    assert [block.kind for block in body] == ["paragraph", "paragraph", "list", "paragraph", "paragraph"]
    assert len(body[1].lines) == 2
    assert body[2].heading == "What now?"
    assert body[2].lines == [[Piece("one")], [Piece("two")]]
    assert body[3].action == Piece("See more", PAGE)
    assert body[4].lines[0] == [Piece("Look at "), Piece(PAGE, PAGE), Piece(". Then https://evil.example/.")]
    assert body[4].action is None
    assert small[0].lines[0] == [Piece("Because. "), Piece("Choose here", PAGE)]


def test_preheader_skips_the_greeting_and_is_cut_at_a_word() -> None:
    assert preheader("Hello!\n\nShort.") == "Short."
    long = preheader("Hello,\n\n" + "word " * 100)
    assert long.endswith("word...")
    assert len(long) <= 140
    assert preheader("Hello,") == ""
