from __future__ import annotations

from pathlib import Path

import pytest

from sdkgen.errors import SdkgenError
from sdkgen.render.environment import render_tree


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_files_are_rendered_or_copied(tmp_path: Path) -> None:
    source = _write(
        tmp_path / "in",
        {
            "{{ name }}/a.txt.j2": "{% if name %}\nHello {{ name }}\n{% endif %}\n",
            "plain.txt": "{{ name }}\n",
            "_parts/part.txt": "part",
            "b.txt.j2": '{% include "_parts/part.txt" %}',
            "{{ 'only.txt' if wanted else '' }}": "",
        },
    )
    render_tree(source, tmp_path / "out", {"name": "N", "wanted": False})
    found = {p.relative_to(tmp_path / "out").as_posix(): p.read_text() for p in (tmp_path / "out").rglob("*.*")}
    assert found == {"N/a.txt": "Hello N\n", "plain.txt": "{{ name }}\n", "b.txt": "part"}


def test_scripts_stay_executable(tmp_path: Path) -> None:
    source = _write(tmp_path / "in", {"run.sh.j2": "#!/bin/sh\n", "other.sh": "#!/bin/sh\n"})
    for file in source.iterdir():
        file.chmod(0o755)
    render_tree(source, tmp_path / "out", {})
    assert all((tmp_path / "out" / name).stat().st_mode & 0o100 for name in ("run.sh", "other.sh"))


@pytest.mark.parametrize("text", ["line\n{{ missing }}", "line\n{% if %}"])
def test_a_fault_names_the_template(tmp_path: Path, text: str) -> None:
    source = _write(tmp_path / "in", {"a.txt.j2": text})
    with pytest.raises(SdkgenError, match="template fault") as caught:
        render_tree(source, tmp_path / "out", {})
    assert caught.value.context.startswith("a.txt.j2")
