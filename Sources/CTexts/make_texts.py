#!/usr/bin/env python3
"""Puts together the texts that a calibration reads where none is given: prose, documentation and code.

Prose is from the plays of William Shakespeare (public domain), as the file tinyshakespeare.txt of A. Karpathy's char-rnn has them.
Documentation and code are this project's own. Pieces are taken from all over, so that no subject fills much of it. The articles,
in articles.txt, were written for the purpose; what they tell is made up.
"""

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZE, PIECE = 40_000, 4_000


def pieces(texts, size=SIZE):
    """Whole lines, as much from each text as from the others, evenly spread over it."""
    share = size // len(texts)
    found = []
    for text in texts:
        count = max(1, share // PIECE)
        for number in range(count):
            start = text.rfind("\n", 0, len(text) * number // count) + 1
            end = text.rfind("\n", 0, start + share // count) + 1
            found.append(text[start:end])
    return "\n".join(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shakespeare", type=Path)
    options = parser.parse_args()
    here = Path(__file__).resolve().parent

    def read(*names):
        return [(ROOT / name).read_text() for name in names]

    (here / "prose.txt").write_text(pieces([options.shakespeare.read_text()]))
    (here / "documentation.txt").write_text(pieces(read(
        "README.md", *sorted(page.relative_to(ROOT) for page in (ROOT / "Documentation").glob("*.md")), "Formats/README.md",
        "Benchmarks/MEASURED.md", "CONTRIBUTING.md", "Formats/GGUF/SPEC.md", "Formats/Safetensors/SPEC.md", "Formats/HuggingFace/SPEC.md")))
    (here / "code.txt").write_text(pieces(read(
        "Sources/Bytes/SystemCall.swift", "Sources/CKernels/kernels_groups.c", "Tests/Interop/families/models.py",
        "Sources/Conversion/Surgery/HeaderEdit.swift", "Tests/Fixtures/train.py", "Sources/JSON/JSONReader.swift")))


if __name__ == "__main__":
    main()
