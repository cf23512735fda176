"""Each contact rule, C1 to C18, has a test that carries its number."""

import re
from pathlib import Path

RULES = range(1, 19)


def test_every_rule_has_a_test() -> None:
    found = {
        int(number)
        for path in Path(__file__).parent.rglob("test_*.py")
        for number in re.findall(r"^ *(?:async )?def test_c(\d\d)_", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == set(RULES)
