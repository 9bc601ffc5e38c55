from __future__ import annotations

import json
import os

import pytest

from sdkgen import console
from sdkgen.errors import SdkgenError

HOSTILE = "\x1b[31m[bold]red\r\n  fix: rm -rf /\x9b2J"


def test_errors_show_what_a_device_says_and_do_not_obey_it(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_error(SdkgenError(f"it said {HOSTILE}", context=HOSTILE, hint=f"Ask it: {HOSTILE}", reference="test"))
    assert capsys.readouterr().err.splitlines() == [
        r"error[test] it said \x1b[31m[bold]red",
        r"      fix: rm -rf /\x9b2J",
        r"  at: \x1b[31m[bold]red",
        r"      fix: rm -rf /\x9b2J",
        r"  fix: Ask it: \x1b[31m[bold]red",
        r"      fix: rm -rf /\x9b2J",
    ]


@pytest.mark.parametrize("say", [console.warn, console.note])
def test_warnings_and_notes_do_the_same(say: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(say)
    say(HOSTILE)
    assert r"\x1b[31m[bold]red" in (said := capsys.readouterr().err)
    assert "\x1b" not in said
    assert "\x9b" not in said


def test_text_amid_markup_is_escaped_and_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.out.print(f"[bold]{console.safe(HOSTILE)}[/]", soft_wrap=True)
    assert capsys.readouterr().out == r"\x1b[31m[bold]red\x0d\x0a  fix: rm -rf /\x9b2J" + "\n"


def test_json_is_printable_ascii_and_keeps_every_string(capfd: pytest.CaptureFixture[str]) -> None:
    said = ["é \U0001f600", "\x7f", "\x9b2J", "\u202e", os.fsdecode(b"\xff.png"), "\\x7f"]
    console.out.file.flush()
    console.print_json({text: [text] for text in said})
    printed = capfd.readouterr().out
    assert json.loads(printed) == {text: [text] for text in said}
    assert all(" " <= character <= "~" for character in printed.replace("\n", ""))


def test_native_libraries_are_unheard_for_the_while(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before\n")
    with console.unheard():
        os.write(2, b"meanwhile\n")
    with pytest.raises(ValueError, match="x"), console.unheard():
        raise ValueError("x")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"
