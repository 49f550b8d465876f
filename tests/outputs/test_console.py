import io

from rich.console import Console

from estimates import estimate
from ser_stream.outputs.console import PlainView


def printed(*estimates, name=None):
    console = Console(file=io.StringIO(), width=80)
    view = PlainView(console)
    if name is not None:
        view.on_source(name)
    for each in estimates:
        view.on_estimate(each)
    return console.file.getvalue()


def test_a_plain_line_shows_expression_and_confidence():
    line = printed(estimate())
    assert line.count("\n") == 1
    assert "happy" in line
    assert "61%" in line


def test_a_plain_line_is_complete_however_long_it_is():
    words = tuple({"text": f"word{number}"} for number in range(40))
    line = printed(estimate(words=words))
    assert line.count("\n") == 1
    assert "valence +0.50  arousal +0.25" in line and line.endswith("word39\n")


def test_the_name_of_a_file_is_printed_as_it_is():
    name = "a [red]b[/red] :smile: " + "long " * 40 + "\n.wav"
    assert printed(name=name) == name.replace("\n", r"\n") + "\n"
