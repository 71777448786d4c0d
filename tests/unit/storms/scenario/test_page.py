"""A page becomes plain values; what could surprise is refused where it stands."""

import pytest

from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.page import MAX_BYTES, MAX_DEPTH, Place, read_page, read_value


def refusal(text: str | bytes) -> list[str]:
    with pytest.raises(ScenarioInvalid) as caught:
        read_page(text, "page.yaml")
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("-3", -3),
        ("1_000", 1_000),
        ("0.05", 0.05),
        ("1e3", 1_000.0),
        ("true", True),
        ("null", None),
        ("~", None),
        ("", None),
        # What YAML of old takes for true, for ninety, for eight and for a day, are words here.
        ("yes", "yes"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("2025-04-06", "2025-04-06"),
        (".inf", ".inf"),
        ("5M", "5M"),
        ("-8%", "-8%"),
        ('"5"', "5"),
        ("'true'", "true"),
        ("[a, 1]", ["a", 1]),
        # 0.1 has 18 digits behind it that a float cannot hold, so it stays as written.
        ("0.100000000000000001", "0.100000000000000001"),
        ("9" * 41, "9" * 41),
    ],
)
def test_a_word_means_what_it_says(text: str, expected: object) -> None:
    value = read_value(text, "text")
    assert (value, type(value)) == (expected, type(expected))


def test_every_value_knows_its_place() -> None:
    page = read_page("a: 1\nb:\n  - c: 'words here'\n    dd: 2\n", "page.yaml")
    assert page.document == {"a": 1, "b": [{"c": "words here", "dd": 2}]}
    assert page.place(("a",)) == Place(1, 4)
    assert page.place(("b", 0, "dd")) == Place(4, 9)
    assert page.place(("b", 0, "dd"), of_key=True) == Place(4, 5)
    # The sixth character of the words, behind the quote: column 8 + 1 + 6.
    assert page.place(("b", 0, "c"), offset=6) == Place(3, 15)
    # What is not there stands where the thing around it does.
    assert page.place(("b", 0, "missing")) == Place(3, 5)
    assert page.place(("b", 7)) == Place(3, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\n", "page.yaml:2:1: is no YAML: while parsing a flow sequence expected ',' or ']', but got"),
        ("a: 1\n b: 2\n", "page.yaml:2:3: is no YAML: mapping values are not allowed here"),
        ("a: &x 1\n", "page.yaml:1:4: is no YAML: anchors and aliases are not read"),
        ("a: *x\n", "page.yaml:1:4: is no YAML: anchors and aliases are not read"),
        ("a:\n  !!python/object:os.system x\n", "page.yaml:2:3: is no YAML: tags such as tag:yaml.org,2002:python"),
        ("a: 1\n---\nb: 1\n", "page.yaml:2:1: is no YAML: expected a single document"),
        ("? [a]\n: 1\n", "page.yaml:1:3: has a list or a mapping for a key; a key is a word"),
        ("", "page.yaml: is empty; a scenario begins with `scenario: 1`"),
        ("a: \x07\n", "page.yaml:1:4: character 7 is not allowed in YAML"),
        (b"a: 1\nb: \xff\n", "page.yaml:2:4: byte 0xff is no UTF-8; pages are UTF-8"),
    ],
)
def test_what_is_no_page_is_refused_where_it_goes_wrong(text: str | bytes, expected: str) -> None:
    (fault,) = refusal(text)
    assert fault.startswith(expected)


def test_equal_keys_are_refused_each_with_the_line_of_the_first() -> None:
    assert refusal("a: 1\nb:\n  c: 1\n  c: 2\na: 3\na: 4\n") == [
        "page.yaml:4:3: b.c: is here a second time, the first is on line 3",
        "page.yaml:5:1: a: is here a second time, the first is on line 1",
        "page.yaml:6:1: a: is here a second time, the first is on line 1",
    ]


def test_a_page_has_an_end_in_depth() -> None:
    # The mapping, the lists and the innermost word: as many as may stand inside one another.
    lists = MAX_DEPTH - 2
    read_page(f"a: {'[' * lists}x{']' * lists}", "page.yaml")
    (fault,) = refusal(f"a: {'[' * (lists + 1)}x{']' * (lists + 1)}")
    # Column 4 is the first list; the word stands behind all of them.
    assert fault == f"page.yaml:1:{4 + lists + 1}: is no YAML: at most {MAX_DEPTH} things stand inside one another"


def test_a_page_has_an_end_in_size() -> None:
    assert read_page("# " + "x" * (MAX_BYTES - 7) + "\na: 1", "page.yaml").document == {"a": 1}
    (fault,) = refusal("# " + "x" * (MAX_BYTES - 6) + "\na: 1")
    assert fault == "page.yaml: is longer than 1,000,000 bytes, and no more are read"
