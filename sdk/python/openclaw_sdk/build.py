"""``openclaw-sdk``: makes a component of a Python file."""

import argparse
import contextlib
import importlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import _host
from .component import Component

#: Beside the component's own module, these exist only inside the component.
_ENTRY = """\
import {module}
from openclaw_sdk import _entry

Guest = _entry.guest_of({module}.component)
OpenclawToolGuest010 = Guest
"""

_WORLD = """\
package openclaw:component;

world component {{
{imports}  export openclaw:tool/guest@0.1.0;
}}
"""


class BuildError(Exception):
    """What the person at the command line has to change."""


def build(source: Path, output: Path) -> Component:
    """Makes ``output`` of the file ``source``, whose module has a :class:`Component` named ``component``.

    The component imports what the modules that it uses need, and nothing else. Raises BuildError.
    """
    component, imports = _look(source)
    wit = Path(__file__).parent / "wit"
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(wit, Path(folder), imports)
        (Path(folder) / "openclaw_entry.py").write_text(_ENTRY.format(module=source.stem))
        command = [_componentize(), "-d", f"{folder}/wit", "-w", "component", "--full-names", "componentize"]
        # The package itself may be installed elsewhere, e.g. linked to by an editable install.
        for place in [folder, source.parent, Path(__file__).parents[1]]:
            command += ["-p", str(place)]
        command += ["openclaw_entry", "-o", str(output.absolute())]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"componentize-py failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return component


def _look(source: Path) -> tuple[Component, list[str]]:
    """The component that a file describes, and the interfaces that its modules need."""
    if not source.is_file():
        raise BuildError(f"there is no file `{source}`")
    if not source.stem.isidentifier():
        raise BuildError(f"`{source.name}` cannot be imported: name it with letters, digits and `_`")
    sys.path.insert(0, str(source.parent.absolute()))
    module = importlib.import_module(source.stem)
    component = getattr(module, "component", None)
    if not isinstance(component, Component):
        raise BuildError(f"`{source.name}` has no `component = Component(…)`")
    if not component.tools:
        raise BuildError(f"`{source.name}` has no function with `@component.tool`")
    return component, list(_host.wanted)


def _lay_out(wit: Path, folder: Path, imports: list[str]) -> None:
    """Puts the world and the packages that it needs where componentize-py looks for them."""
    for packages in (wit, wit / "deps"):
        for package in packages.iterdir():
            if package.name != "deps":
                shutil.copytree(package, folder / "wit/deps" / package.name)
    lines = "".join(f"  import {interface};\n" for interface in imports)
    (folder / "wit/world.wit").write_text(_WORLD.format(imports=lines))


def _componentize() -> str:
    beside = Path(sys.executable).with_name("componentize-py")
    found = str(beside) if beside.exists() else shutil.which("componentize-py")
    if not found:
        raise BuildError("`componentize-py` is missing: run `pip install componentize-py==0.25.0`")
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="openclaw-sdk", description="Makes components for openclaw-host.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("build", help="make a component of a Python file")
    command.add_argument("source", type=Path, help="a file with `component = Component(…)`")
    command.add_argument("-o", "--output", type=Path, help="the component; FILE.wasm if not said")
    args = parser.parse_args()
    output = args.output or args.source.with_suffix(".wasm")
    with contextlib.suppress(KeyboardInterrupt):
        try:
            component = build(args.source, output)
        except BuildError as err:
            sys.exit(f"error: {err}")
        print(f"{output}: {component.name} {component.version}, {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
