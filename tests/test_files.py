import json

from hypothesis import given
from hypothesis import strategies as st

from ser_stream.files import write_json

TEXTS = st.text(alphabet='ab "\\[]{},\n', max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)


@given(value=VALUES)
def test_what_is_written_can_be_read_again(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "a.json"
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


def test_lists_of_plain_values_take_one_line(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [[1, 2], [3, 4]], "b": []})
    assert path.read_text(encoding="utf-8") == (
        '{\n "a": [\n  [1, 2],\n  [3, 4]\n ],\n "b": []\n}\n'
    )
