"""Proves the layouts of quantized weights beside the libraries that they are for: `from x to y`, by Decant, opened by y's library.

    python layouts.py --decant PATH --environments DIR [--work DIR] [--only NAME ...] [--to LAYOUT ...] [--llama-cpp DIR]
                      [--table FILE]
    python layouts.py --environments DIR --install

--environments: a folder with a virtual environment for each of Tests/Fixtures/Layouts/requirements-*.txt that is needed;
--install makes those that are missing. --model: a folder of a BF16 model; the small one of the fixtures by default. --text: what
logits are compared on. --only: parts of names of what is converted, --to: layouts that are opened; then no table can be written. Of
a large model they also keep the folders few, as each is kept beside what it is decoded to. Prints a line for each thing that does
not hold, and exits with 1 when there is one. --llama-cpp: a source tree, whose converter makes GGUFs of NVFP4 for comparison.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from gguf import GGUFReader

import chains
import environments
import table
import worker
from chains import LAYOUTS, LIBRARIES, SOURCES
from real import Failed, run

CONTEXT = 64
ELEMENTS = ("f32", "f16", "bf16")
BF16 = "BF16 folder"


class Chain:
    """One thing that Decant reads or makes, and what came of it."""

    def __init__(self, kind, source, target, folder, library, arguments=None):
        self.kind, self.source, self.target, self.folder = kind, source, target, folder
        self.library, self.arguments = library, arguments
        self.refused = None  # what Decant said instead
        self.exact = None  # whether Decant says that no value changed
        self.error = None  # of values beside those of the source, relative
        self.beside = None  # what the library makes of the same model
        self.converted = None  # beside llama.cpp's converter: tensors of the same bytes, with a number of the tensor in them, all
        self.opened = None  # what the library said
        self.failures = []

    @property
    def name(self):
        return f"{self.source} to {self.target}" if self.kind != "read" else f"{self.source} as it is"

    def fail(self, text):
        self.failures.append(f"{self.name}: {' '.join(str(text).split())[:500]}")
        print(self.failures[-1], flush=True)


def is_multiplied(ours, theirs, factor):
    """Whether blocks of NVFP4 have the same codes, and the scales of the others times a factor."""
    ours, theirs = ours.reshape(-1, 36), theirs.reshape(-1, 36)
    scale = lambda block: np.where(block >> 3, np.ldexp(8.0 + (block & 7), (block >> 3) - 10), np.ldexp(1.0 * (block & 7), -9))
    scales = [scale(blocks[:, :4].astype(np.int32)) for blocks in (ours, theirs)]
    return np.array_equal(ours[:, 4:], theirs[:, 4:]) and np.array_equal(scales[0], scales[1] * float(factor.item()))


class Interop:
    def __init__(self, options):
        self.options, self.work = options, options.work
        self.chains, self.sources, self.fixtures, self.failures, self.decoded_folders = [], {}, {}, [], {}
        self.tokens = self.decant("tokenize", options.model, "--text", options.text, "--json").json()["ids"][:CONTEXT]
        if json.loads((options.model / "tokenizer_config.json").read_text()).get("add_bos_token", True):
            self.tokens[0] = json.loads((options.model / "config.json").read_text())["bos_token_id"]

    def decant(self, *words):
        return run(self.options.decant, *words)

    def wanted(self, *names):
        return not self.options.only or any(word in name for word in self.options.only for name in names)

    def opens(self, library):
        return not self.options.to or library in self.options.to

    # MARK: Workers

    def ask(self, library, jobs, making=False):
        """What a worker says of jobs; None where there is no environment for it."""
        python = environments.python(self.options.environments, (library.maker if making else None) or library.environment)
        if not jobs or not python.exists():
            return [None] * len(jobs)
        stem = self.work / f"{library.key}-{'make' if making else 'load'}"
        asked, answers = stem.with_suffix(".jobs"), stem.with_suffix(".results")
        asked.write_text("".join(json.dumps(job) + "\n" for job in jobs))
        answers.unlink(missing_ok=True)
        name = "load_" + library.key.replace("-", "_") + ".py"
        print(f"{name}: {len(jobs)} {'to make' if making else 'to open'}", file=sys.stderr, flush=True)
        fatal = None
        try:
            ran = run(python, Path(__file__).with_name(name), asked, answers)
            stem.with_suffix(".log").write_text(ran.errors)
        except Failed as error:
            fatal = str(error)
        said = [json.loads(line) for line in answers.read_text().splitlines()] if answers.exists() else []
        return said + [{"failed": fatal or "the worker ended early"}] * (len(jobs) - len(said))

    def side_by_side(self, work):
        with ThreadPoolExecutor(self.options.jobs) as team:
            return list(team.map(lambda item: item(), work))

    # MARK: Sources

    def make_sources(self):
        folder = self.work / "sources"
        folder.mkdir(exist_ok=True)
        self.sources[BF16] = self.options.model
        needed = {target.theirs for target in chains.TARGETS if self.opens(target.layout)} if self.wanted(BF16) else set()
        chosen = [source for source in SOURCES if self.wanted(source.name) or source.name in needed]
        by_library = {}
        for source in chosen:
            path = folder / (source.name.replace(" ", "-").replace(",", "") + source.suffix)
            self.sources[source.name] = path
            if source.library:
                by_library.setdefault(source.library, []).append((source, path))
            elif source.kind:
                self.decant("quantize", self.options.model, path, "--type", source.kind, "--force", "--quiet")
            else:
                self.write_pickle(path)

        def make(key, made):
            missing = [(source, path) for source, path in made if not path.exists()]
            jobs = [{"make": source.kind, "source": str(self.options.model), "output": str(path)} for source, path in missing]
            return [(source, said) for (source, _), said in zip(missing, self.ask(LIBRARIES[key], jobs, making=True))]

        for answers in self.side_by_side([lambda item=item: make(*item) for item in by_library.items()]):
            for source, said in answers:
                if said is None or "failed" in said:
                    del self.sources[source.name]
                    why = said["failed"] if said else "there is no environment for it"
                    self.failures.append(f"{source.name}: is not made: {why}")
                    print(self.failures[-1], flush=True)

    def write_pickle(self, path):
        import torch
        from safetensors.torch import load_file

        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        tensors = {}
        for part in sorted(self.options.model.glob("*.safetensors")):
            tensors |= load_file(part)
        torch.save(tensors, path / "pytorch_model.bin")
        for file in self.options.model.glob("*.json"):
            if "index" not in file.name:
                shutil.copyfile(file, path / file.name)

    # MARK: Chains

    def plan_chains(self):
        folder = self.work / "outputs"
        folder.mkdir(exist_ok=True)
        origin = {source.name: source.library or "gguf" for source in SOURCES if source.library or source.kind}

        def add(kind, source, target, library, command, *more):
            if not self.opens(library):
                return
            name = f"{source}-{target}".replace(" ", "-").replace(",", "").replace("/", "-")
            path = folder / (name + (".gguf" if target == "gguf" else ""))
            self.chains.append(Chain(kind, source, target, path, library, [command, self.sources[source], path, *more]))

        for name in self.sources:
            if name in origin and self.wanted(name) and self.opens(origin[name]):
                self.chains.append(Chain("read", name, None, self.sources[name], origin[name]))
        if BF16 in self.sources and self.wanted(BF16):
            for target in chains.TARGETS:
                more = ["--layout", target.layout, "--type", target.type, *target.options]
                add("quantize", BF16, target.name, target.layout, "quantize", *more)
        for name in chains.QUANTIZED_AGAIN:
            for target in chains.USUAL if name in self.sources and self.wanted(name) else []:
                add("quantize", name, target.name, target.layout, "quantize", "--layout", target.layout, "--type", target.type)
        for name in self.sources:
            for layout in LAYOUTS if name in origin and self.wanted(name) else []:
                add("convert", name, layout, layout, "convert", *(["--layout", layout] if layout != "gguf" else []))
        for name, fixture in chains.GPT_OSS.items():
            if not self.wanted(name):
                continue
            self.sources[name] = worker.ROOT / "Tests/Fixtures/Families" / fixture
            if fixture.endswith("mxfp4"):
                if self.opens("mxfp4"):
                    self.chains.append(Chain("read", name, None, self.sources[name], "mxfp4"))
                add("convert", name, "gguf", None, "convert")
            else:
                add("quantize", name, "mxfp4 mxfp4", "mxfp4", "quantize", "--layout", "mxfp4", "--type", "mxfp4")

    def carry_out(self, chain):
        if chain.arguments:
            command, source, path, *more = chain.arguments
            try:
                said = self.decant(command, source, path, *more, "--force", "--json").json()
            except Failed as error:
                chain.refused = str(error).split(": ", 2)[-1]
                return
            changed = [
                tensor for tensor in said["tensors"] if tensor["source_type"] not in ELEMENTS or tensor["type"] not in ELEMENTS]
            chain.exact = all(tensor["cost"] in ("copied", "repacked") for tensor in changed)
            chain.quantized = sum(tensor["type"] not in ELEMENTS for tensor in said["tensors"])
            chain.costs = said["costs"]
            self.measure(chain, [tensor["name"] for tensor in changed])
            if chain.kind == "convert":
                self.ask_for_exact(chain, said)
        if chain.library:
            chain.job = {"load": str(chain.folder), "weights": str(self.decoded(chain.folder)), "tokens": self.tokens}
            logits = self.work / "decoded" / (chain.folder.name + ".logits")
            if chain.source not in chains.GPT_OSS:
                self.decant("perplexity", chain.folder, "--text", self.options.text, "--context", CONTEXT, "--chunks", 1,
                            "--logits", logits, "--force", "--quiet")
                chain.job["logits"] = str(logits)

    def decoded(self, path):
        """A folder of what Decant decodes a model to."""
        if path not in self.decoded_folders:
            folder = self.work / "decoded" / str(len(self.decoded_folders))
            self.decant("convert", path, folder, "--dtype", "f32", "--force", "--quiet")
            self.decoded_folders[path] = folder
        return self.decoded_folders[path]

    def ask_for_exact(self, chain, said):
        """`--exact-only` refuses where a value changes, and only there.

        It looks at all values that an element type might not have; without it the costs tell the worst of those that are many.
        """
        command, source, path, *more = chain.arguments
        exact = all(tensor["cost"] in ("copied", "repacked") for tensor in said["tensors"])
        try:
            self.decant(command, source, path, *more, "--force", "--exact-only", "--dry-run", "--quiet")
            allowed = True
        except Failed:
            allowed = False
        if exact and not allowed:
            chain.fail(f"--exact-only refuses it, though its costs are {said['costs']}")
        if allowed and not exact:
            before, after = (worker.tensors(self.decoded(path)) for path in (self.sources[chain.source], chain.folder))
            changed = [name for name in before if name not in after or not np.array_equal(before[name](), after[name]())]
            if changed:
                chain.fail(f"--exact-only allows it, and {len(changed)} tensors change: {', '.join(changed[:3])}")

    def measure(self, chain, names):
        """The relative error beside the source."""
        before, after = (worker.tensors(self.decoded(path)) for path in (self.sources[chain.source], chain.folder))
        if chain.folder.suffix == ".gguf":
            # The plan tells names of a GGUF.
            names = [name for name in before if name in after and before[name]().ndim > 1]
        squares = errors = 0.0
        same = True
        for name in names:
            one, other = before[name](), after[name]()
            if one.shape != other.shape:
                return chain.fail(f"{name} is {list(other.shape)}, not {list(one.shape)}")
            same = same and np.array_equal(one, other)
            squares += float((one.astype(np.float64) ** 2).sum())
            errors += float(((one.astype(np.float64) - other) ** 2).sum())
        chain.error = (errors / squares) ** 0.5 if squares else 0.0
        if chain.exact and not same:
            chain.fail(f"is said to be exact, and values differ by {chain.error:.1e}")

    def beside_theirs(self, chain, target):
        """How many of the stored tensors are the library's own, byte for byte."""
        if target.theirs not in self.sources or chain.refused:
            return
        one, other = (worker.stored(path) for path in (chain.folder, self.sources[target.theirs]))
        differing = sorted(name for name, tensor in other.items() if one.get(name) != tensor)
        chain.beside = "the same bytes"
        if differing:
            why = target.differs or f"{differing[0]} is another"
            chain.beside = f"{len(other) - len(differing)} of {len(other)} tensors: {why}"
            if not target.differs:
                chain.fail(f"{len(differing)} of {len(other)} stored tensors are not the library's: {', '.join(differing[:3])}")

    def beside_converter(self, chain):
        """How many tensors of a GGUF of NVFP4 are those that llama.cpp's converter writes, byte for byte.

        It also writes scales of activations; and numbers of whole tensors that Decant has made part of the scales of groups, where
        that changes none of them.
        """
        path = self.work / "converter.gguf"
        try:
            run(sys.executable, worker.FIXTURES / "make_gguf.py", self.options.llama_cpp, self.sources[chain.source], path)
        except Failed as error:
            return chain.fail(f"llama.cpp: {error}")
        ours, theirs = ({tensor.name: tensor for tensor in GGUFReader(file).tensors} for file in (chain.folder, path))
        theirs = {name: tensor for name, tensor in theirs.items() if not name.endswith(".input_scale")}
        parts = {name for name in theirs if name.endswith(".scale") and name not in ours}
        same, multiplied, wrong = 0, 0, sorted(ours.keys() - theirs.keys())
        for name, other in theirs.items():
            own, part = ours.get(name), name.removesuffix("weight") + "scale"
            if name in parts:
                continue
            if own is None or own.tensor_type != other.tensor_type or own.shape.tolist() != other.shape.tolist():
                wrong.append(name)
            elif own.data.tobytes() == other.data.tobytes() and part not in parts:
                same += 1
            elif part in parts and is_multiplied(own.data, other.data, theirs[part].data):
                multiplied += 1
            else:
                wrong.append(name)
        chain.converted = [same, multiplied, len(theirs) - len(parts)]
        if wrong:
            chain.fail(f"{len(wrong)} of {len(theirs)} tensors are not those of llama.cpp's converter: {', '.join(wrong[:3])}")

    # MARK: Opening

    def open_all(self):
        def opened(key):
            asked = [chain for chain in self.chains if chain.library == key and hasattr(chain, "job")]
            for chain, said in zip(asked, self.ask(LIBRARIES[key], [chain.job for chain in asked])):
                chain.opened = said
                if said is not None:
                    self.judge(chain, said, LIBRARIES[key])

        # Those that take longest first.
        order = sorted(LIBRARIES, key=lambda key: -sum(chain.library == key for chain in self.chains))
        self.side_by_side([lambda key=key: opened(key) for key in order])

    def judge(self, chain, said, library):
        if "failed" in said:
            return chain.fail(f"{library.key}: {said['failed']}")
        if said["wrong"]:
            chain.fail(f"{library.key}: {json.dumps(said['wrong'])}")
        if said["differing"]:
            chain.fail(f"{library.key} decodes {said['count']} of {said['weights']} weights to other values: "
                       + "; ".join(said["differing"]))
        if not said["weights"] and getattr(chain, "quantized", 1):
            chain.fail(f"{library.key} finds no quantized weight")
        if said.get("logits", 0) > library.bound:
            chain.fail(f"{library.key}: logits are {said['logits']:.1e} away, more than {library.bound:g}")

    # MARK: Fixtures

    def read_fixtures(self):
        """What the libraries themselves wrote, and decode it to."""
        for folder in sorted(worker.FIXTURES.iterdir()):
            if not (folder / "expected.json").exists() or folder.name in chains.UNCONVERTED or "refused" in folder.name:
                continue
            library = next((key for key in LIBRARIES if folder.name.startswith(key + "-")), None)
            found = self.fixtures.setdefault(library, [0, 0])
            found[1] += 1
            try:
                values = worker.tensors(self.decoded(folder))
            except Failed as error:
                self.failures.append(f"fixture {folder.name}: {error}")
                continue
            expected = json.loads((folder / "expected.json").read_text())["weights"]
            wrong = [name for name, entry in expected.items() if name not in values or not self.is_expected(values[name](), entry)]
            if wrong:
                self.failures.append(
                    f"fixture {folder.name}: {len(wrong)} weights are decoded to other values: {', '.join(wrong[:3])}")
            else:
                found[0] += 1

    def is_expected(self, value, entry):
        if list(value.shape) != entry["shape"]:
            # Experts of gpt-oss are stored the other way round where they are no codes.
            value = np.swapaxes(value, -1, -2)
        return hashlib.sha256(worker.bits(value).tobytes()).hexdigest() == entry["sha256"]

    def all(self):
        (self.work / "decoded").mkdir(exist_ok=True)
        if not self.options.only and not self.options.to:
            self.read_fixtures()
        self.make_sources()
        self.plan_chains()
        targets = {target.name: target for target in chains.TARGETS}
        for chain in self.chains:
            try:
                self.carry_out(chain)
            except Failed as error:
                chain.fail(error)
            if chain.source == BF16 and targets[chain.target].theirs:
                self.beside_theirs(chain, targets[chain.target])
            if chain.name in chains.CONVERTED_BY_LLAMA_CPP and self.options.llama_cpp:
                self.beside_converter(chain)
        self.open_all()
        for failure in self.failures:
            print(failure, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decant", type=Path)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--work", type=Path, help="keeps the models; a temporary folder by default")
    parser.add_argument("--model", type=Path, default=worker.ROOT / "Tests/Fixtures/TinyLlama")
    parser.add_argument("--text", type=Path, default=worker.ROOT / "Tests/Fixtures/heldout.txt")
    parser.add_argument("--only", nargs="+", default=[], help="parts of names of what is converted")
    parser.add_argument("--llama-cpp", type=Path)
    parser.add_argument("--to", nargs="+", default=[], choices=LIBRARIES, help="layouts that are opened")
    parser.add_argument("--jobs", type=int, default=2, help="libraries that work side by side")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.install:
        environments.install(options.environments, {
            name for library in LIBRARIES.values() for name in (library.environment, library.maker) if name})
    if options.decant is None:
        return 0 if options.install else parser.error("--decant is needed")
    missing = [library.key for library in LIBRARIES.values()
               if not environments.python(options.environments, library.environment).exists()]
    if options.table and (options.only or options.to or missing):
        parser.error(f"--table is of everything: no --only, no --to, and environments of all libraries ({', '.join(missing)})")
    with tempfile.TemporaryDirectory(prefix="decant-layouts-") as temporary:
        options.work = (options.work or Path(temporary)).resolve()
        # Libraries are started elsewhere.
        options.model = options.model.resolve()
        options.work.mkdir(parents=True, exist_ok=True)
        interop = Interop(options)
        interop.all()
        if options.table:
            options.table.write_text(table.markdown(interop))
    failures = interop.failures + [text for chain in interop.chains for text in chain.failures]
    print(f"{len(interop.chains)} models, {len(failures)} checks fail")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
