"""Documents: three syntaxes, one result, and for every break a line that says where and what."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.document.parse import DEEPEST, LARGEST, parse_document
from stream.errors import PolicyError

YAML = """\
# a comment
app: checkout
from: 2024-11-22T18:31:10Z
alpha: 1e-2
canary: {version: '2.10', labels: {country: no, commit: 0123}}
metrics:
  - name: latency
    critical: true
"""
TOML = """\
# a comment
app = "checkout"
from = 2024-11-22T18:31:10Z
alpha = 1e-2
canary = {version = "2.10", labels = {country = "no", commit = "0123"}}
[[metrics]]
name = "latency"
critical = true
"""
JSON = """\
{"app": "checkout", "from": "2024-11-22T18:31:10Z", "alpha": 1e-2,
 "canary": {"version": "2.10", "labels": {"country": "no", "commit": "0123"}},
 "metrics": [{"name": "latency", "critical": true}]}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", YAML), ("a.YML", YAML), ("a.json", JSON), ("a.yaml", JSON), ("-", JSON), ("-", YAML), ("a.txt", YAML)],
)
def test_syntaxes_agree(name: str, text: str) -> None:
    assert parse_document(text, name) == json.loads(JSON)


def test_toml_agrees_but_for_the_spelling_of_its_times() -> None:
    assert parse_document(TOML, "a.toml") == json.loads(JSON) | {"from": "2024-11-22T18:31:10+00:00"}


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse_document("\ufeff" + JSON, "a.json") == json.loads(JSON)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"),
        ("On", "On"),
        ("True", "True"),
        ("true", True),
        ("0", 0),
        ("-12", -12),
        ("+5", "+5"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("10:30", "10:30"),
        ("1.10", 1.1),
        ("1.10.2", "1.10.2"),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("2024-11-22", "2024-11-22"),
        (".inf", ".inf"),
        ("~", None),
        ("", None),
        ("!!str 5", "5"),
        ("'5'", "5"),
        ("=", "="),
        ("<<", "<<"),
        ("|\n  one\n  two", "one\ntwo\n"),
    ],
)
def test_yaml_scalars(written: str, read: object) -> None:
    assert parse_document(f"a: {written}\n", "a.yaml") == {"a": read}


def test_yaml_aliases_and_merges() -> None:
    text = "a: &base {x: 1, y: 1}\nb: {<<: *base, y: 2}\nc: {<<: [{x: 3}, *base], z: 3}\nd: *base\n"
    assert parse_document(text, "a.yaml") == {
        "a": {"x": 1, "y": 1},
        "b": {"x": 1, "y": 2},
        "c": {"x": 3, "y": 1, "z": 3},
        "d": {"x": 1, "y": 1},
    }


MISTAKES = [
    ("a.yaml", "alpha: 1\npane: 1s\nalpha: 2\n", 'a.yaml:3:1: the key "alpha" is there twice'),
    ("a.yaml", "m:\n- {name: x, name: y}\n", 'a.yaml:2:13: the key "name" is there twice'),
    ("a.yaml", "a: 1\n'a': 2\n", 'a.yaml:2:1: the key "a" is there twice'),
    ("a.toml", "alpha = 1\nalpha = 2\n", "a.toml:2:10: Cannot overwrite a value"),
    ("a.json", '{"alpha": 1,\n "alpha": 2}', 'a.json:2:12: the object that ends here has the key "alpha" twice'),
    ("a.json", '{"m": [{"}": 1}, {"x": 1,\n"x": 2}]}', 'a.json:2:7: the object that ends here has the key "x" twice'),
    ("a.yaml", "a: [1\n", "a.yaml:2:1: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
    (
        "a.yaml",
        "a: b: c\n",
        "a.yaml:1:5: mapping values are not allowed here; check the indentation, and quote text that contains `: `",
    ),
    (
        "a.yaml",
        "\ta: 1\n",
        "a.yaml:1:1: while scanning for the next token, found character '\\t' that cannot start any token;"
        " quote text that starts with it, and indent with spaces",
    ),
    (
        "a.yaml",
        "a:\n  - b\n c: d\n",
        "a.yaml:3:2: while parsing a block mapping, expected <block end>, but found '<block mapping start>';"
        " check the indentation",
    ),
    ("a.yaml", "a: *b\n", "a.yaml:1:4: found undefined alias 'b'"),
    ("a.yaml", "a: 1\n---\nb: 2\n", "a.yaml:2:1: expected a single document in the stream, but found another document"),
    ("a.yaml", "a: 1\nb: \x00\n", "a.yaml:2:4: the character U+0000 is not allowed"),
    (
        "a.yaml",
        "a: !!python/object/apply:os.system [ls]\n",
        'a.yaml:1:4: the tag "tag:yaml.org,2002:python/object/apply:os.system" is not known here',
    ),
    ("a.yaml", "a: !!set {x}\n", 'a.yaml:1:4: the tag "tag:yaml.org,2002:set" is not known here'),
    ("a.yaml", "a: !!bool yes\n", 'a.yaml:1:4: "yes" is no bool'),
    ("a.yaml", "1: x\n", "a.yaml:1:1: a key must be text; quote it if 1 is meant"),
    ("a.yaml", "a: {<<: 3}\n", "a.yaml:1:9: `<<` takes a mapping or a list of mappings"),
    ("a.toml", "a = \n", "a.toml:1:5: Invalid value"),
    ("a.toml", 'a = "', "a.toml:1:6: Unterminated string"),
    ("a.json", '{"a" 1}', "a.json:1:6: expecting ':' delimiter"),
    ("a.json", '{"a": 1} x', "a.json:1:10: extra data"),
    ("-", '{"a": 1', "-:1:8: expecting ',' delimiter"),
    ("a.json", '{"a": NaN}', "a.json: a number must be finite"),
    ("a.yaml", "a: 1e999\n", "a.yaml: a number must be finite"),
    ("a.toml", "a = inf\n", "a.toml: a number must be finite"),
    ("a.json", f'{{"a": {"9" * 5000}}}', "a.json: a number has thousands of digits"),
    ("a.toml", f"a = {'9' * 5000}", "a.toml: a number has thousands of digits"),
    ("a.json", '{"a": "\\ud83d"}', 'a.json: the text "\\ud83d" has half a character'),
    ("a.yaml", "", "a.yaml: empty; it needs `app` and `metrics`"),
    ("a.json", " \n", "a.json: empty; it needs `app` and `metrics`"),
    ("a.yaml", "# nothing\n", "a.yaml: empty; it needs `app` and `metrics`"),
    ("a.yaml", "- a\n- b\n", 'a.yaml: must be a mapping of fields to values; got ["a", "b"]'),
    ("a.json", "3", "a.json: must be a mapping of fields to values; got 3"),
    ("a.yaml", "a: &a [*a]\n", "a.yaml:1:4: nested too deep"),
    ("a.json", f'{{"a": {"[" * 100_000}', f"a.json: nested more than {DEEPEST} levels deep"),
    ("a.toml", f"a = {'[' * 10_000}", f"a.toml: nested more than {DEEPEST} levels deep"),
    ("a.toml", f"{'.'.join('a' * 40)} = 1", f"a.toml: nested more than {DEEPEST} levels deep"),
    ("a.json", " " * (LARGEST + 1), f"a.json: longer than {LARGEST} characters"),
]


@pytest.mark.parametrize(("name", "text", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(name: str, text: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_document(text, name)
    assert str(caught.value) == message


def test_yaml_nested_too_deep() -> None:
    with pytest.raises(PolicyError, match=r"^a\.yaml:1:\d+: nested too deep$"):
        parse_document("a: " + "[" * 100_000, "a.yaml")


@pytest.mark.parametrize(
    "link", ["{0}: &{0} [*{1}, *{1}, *{1}]", "{0}: &{0} {{<<: [*{1}, *{1}, *{1}], {0}: 1}}"], ids=["list", "merge"]
)
def test_aliases_cannot_multiply(link: str) -> None:
    lines = ["a0: &a0 {x: 1}", *(link.format(f"a{i + 1}", f"a{i}") for i in range(20))]
    with pytest.raises(PolicyError, match="more than 100000 values, aliases counted as often as they are used"):
        parse_document("\n".join(lines), "a.yaml")


@given(st.text(), st.sampled_from(["a.yaml", "a.toml", "a.json", "a"]))
def test_any_text_is_a_mapping_or_a_policy_error(text: str, name: str) -> None:
    words = name
    try:
        assert isinstance(parse_document(text, name), dict)
    except PolicyError as error:
        words = str(error)
    assert words.startswith(name)
    assert words.isprintable()


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), TREES, min_size=1))
def test_json_is_read_as_json_reads_it(tree: dict[str, object]) -> None:
    text = json.dumps(tree)
    assert parse_document(text, "a.json") == json.loads(text)
