"""A virtual environment for each library: they ask for versions of others that do not go together."""

import re
import subprocess
import sys
import venv
from pathlib import Path

from worker import FIXTURES


def python(folder: Path, name: str | None) -> Path:
    return folder / name / "bin/python" if name else Path(sys.executable)


def install(folder: Path, names: set[str]):
    for name in sorted(names):
        if (folder / name / "done").exists():
            continue
        print(f"installing {name}", file=sys.stderr, flush=True)
        requirements = FIXTURES / f"requirements-{name}.txt"
        venv.create(folder / name, with_pip=True)
        pip = [python(folder, name), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, "-r", requirements], check=True)
        # What asks for packages that a processor has no use for stands in comments.
        alone = re.findall(r"^#   (\S+==\S+)$", requirements.read_text(), re.M)
        if alone:
            subprocess.run([*pip, "setuptools", "wheel"], check=True)
            subprocess.run([*pip, "--no-deps", "--no-build-isolation", *alone], check=True)
        (folder / name / "done").touch()


def versions(folder: Path, name: str | None, packages) -> str:
    code = f"import importlib.metadata as m; print(', '.join(f'{{p}} {{m.version(p)}}' for p in {list(packages)!r}))"
    return subprocess.run([python(folder, name), "-c", code], check=True, capture_output=True, text=True).stdout.strip()
