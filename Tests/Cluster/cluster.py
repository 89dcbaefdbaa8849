#!/usr/bin/env python3
"""Runs the recipes of Packaging/cluster with the engines that they are for, and holds what comes of it against the same job on one machine.

    cluster.py --decant PROGRAM --recipes FOLDER [--only WORD] [--size BYTES] [--work FOLDER]

A Slurm of two nodes runs here, with its parts killed, requeued and its nodes failing; GNU parallel reaches two machines over ssh; the
manifests are held against the schemas of Kubernetes, and their commands run as its pods would run them. Needs to be root, with
slurm-wlm, munge, parallel, openssh-server and rsync, and the packages of requirements.txt. Prints a line for each check.
"""

import argparse
import contextlib
import filecmp
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import kubernetes_validate
import yaml

from daemons import Machines, Slurm, until

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "Fixtures"))
from large_model import make_model

PARTS = 4
TYPE = "q4_k_m"
OPTIONS = ("--type", TYPE)


class Failure(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failure(text)


class Bench:
    def __init__(self, arguments, work):
        self.work = work
        self.recipes = arguments.recipes
        # Recipes find the program by its name.
        self.path = work / "bin"
        self.path.mkdir()
        (self.path / "decant").symlink_to(arguments.decant)
        self.decant = arguments.decant
        self.model = work / "a model"
        make_model(self.model, arguments.size)
        self.single = work / "single"
        self.single.mkdir()
        self.number = 0
        self.run("quantize", self.model, self.single / "out.gguf", *OPTIONS, "--parts", PARTS)
        self.names = sorted(path.name for path in self.single.iterdir())
        require(len(self.names) == PARTS, f"one machine has made {self.names}")

    def run(self, *words, env=(), code=0):
        result = subprocess.run([self.decant, *map(str, words)], env={**os.environ, **dict(env)}, capture_output=True, text=True,
                                timeout=300)
        require(result.returncode == code, f"{words}\n    {result.returncode}: {result.stderr.strip()[-600:]}")
        return result.stderr

    def folder(self):
        self.number += 1
        folder = self.work / f"job {self.number}"
        folder.mkdir()
        return folder

    def same(self, folder):
        """An output is what one machine makes, and nothing is left of its parts."""
        names = sorted(path.name for path in folder.iterdir() if path.suffix not in (".log", ".txt"))
        require(names == self.names, f"{folder} holds {names}, not {self.names}")
        for name in names:
            require(filecmp.cmp(folder / name, self.single / name, shallow=False), f"{folder / name} is not what one machine makes")

    def journal(self, folder, part):
        return folder / f"out.gguf.parts/.part-{part:05}-of-{PARTS:05}.json.partial.journal"


# MARK: - Slurm


class Middle:
    """Holds a task of an array in its middle: as soon as it has written some weights of its part, its program is halted."""

    def __init__(self, bench, folder, task, job=None):
        self.bench, self.folder, self.task, self.job = bench, folder, task, job
        self.process = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        journal = self.bench.journal(self.folder, self.task)
        while not self.stopped.is_set():
            with contextlib.suppress(OSError):
                if journal.read_bytes().count(b"\nitem ") >= 1:
                    process = self.find()
                    if process is not None:
                        os.kill(process, signal.SIGSTOP)
                        # It may have come to its end in this moment.
                        if journal.exists():
                            self.process = process
                        else:
                            os.kill(process, signal.SIGCONT)
                        return
            time.sleep(0.001)

    def find(self):
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "exe").readlink() == self.bench.decant:
                    words = (entry / "environ").read_bytes().split(b"\0")
                    if f"SLURM_ARRAY_TASK_ID={self.task}".encode() in words and str(self.folder).encode() in (entry / "cmdline").read_bytes():
                        return int(entry.name)
        return None

    def __enter__(self):
        return self

    def wait(self):
        self.thread.join(60)
        require(self.process is not None, f"part {self.task} was not met in its middle")
        return (self.bench.journal(self.folder, self.task)).read_bytes().count(b"\nitem ")

    def __exit__(self, *_):
        self.stopped.set()
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGCONT)


def slurm_checks(bench, slurm):
    def submit(folder, *options, parts=PARTS, model=None):
        """Both jobs, by their numbers."""
        result = slurm.run(bench.recipes / "submit.sh", parts, "quantize", model or bench.model, folder / "out.gguf", *OPTIONS, *options,
                           cwd=folder)
        require(result.returncode == 0, f"submit.sh: {result.returncode}: {result.stderr}")
        words = result.stdout.replace(",", "").split()
        return words[1], words[3]

    def logs(folder, task=None):
        return "".join(path.read_text() for path in sorted(folder.glob("*.log")) if task is None or path.stem.endswith(f"_{task}"))

    def completed(folder, array, assembling, seconds=180):
        states = slurm.wait(array, seconds)
        require(states == {task: "COMPLETED" for task in range(1, PARTS + 1)}, f"{states}\n{logs(folder)}")
        last = slurm.wait(assembling)
        require(last == {0: "COMPLETED"}, f"the assembling is {last}\n{logs(folder)}")
        bench.same(folder)
        return f"parts {PARTS} of {PARTS} and the assembling COMPLETED, {PARTS} files of equal bytes"

    def gone_on(folder, task):
        require("going on with an earlier run" in logs(folder, task), f"part {task} began anew: {logs(folder, task)}")

    def whole():
        folder = bench.folder()
        array, assembling = submit(folder)
        saw = completed(folder, array, assembling)
        nodes = {fields["NodeList"] for fields in slurm.tasks(array).values()}
        require(nodes == set(slurm.nodes), f"ran on {nodes} only")
        return f"{saw}, on {len(nodes)} nodes"

    def cancelled():
        folder = bench.folder()
        with Middle(bench, folder, 3) as middle:
            array, assembling = submit(folder)
            done = middle.wait()
            slurm.run("scancel", f"{array}_3")
            states = slurm.wait(array)
        require(states[3] == "CANCELLED", f"{states}")
        require(slurm.wait(assembling) == {0: "CANCELLED"}, "the assembling waits on")
        require(not list(folder.glob("*.gguf")), "something has the output's name")
        array, assembling = submit(folder)
        saw = completed(folder, array, assembling)
        gone_on(folder, 3)
        require("is there already, complete" in logs(folder, 1), "part 1 was made again")
        return f"stopped after {done} tensors, submitted again: goes on; {saw}"

    def requeued():
        folder = bench.folder()
        with Middle(bench, folder, 2) as middle:
            array, assembling = submit(folder)
            done = middle.wait()
            result = slurm.run("scontrol", "requeue", f"{array}_2")
            require(result.returncode == 0, result.stderr)
        saw = completed(folder, array, assembling, 300)
        restarts = slurm.tasks(array)[2]["Restarts"]
        require(restarts == "1", f"was restarted {restarts} times")
        gone_on(folder, 2)
        return f"stopped after {done} tensors, requeued: goes on; {saw}"

    def out_of_time():
        """Slurm's own signal before a limit, sent by hand: a limit is whole minutes."""
        folder = bench.folder()
        with Middle(bench, folder, 4) as middle:
            array, assembling = submit(folder)
            done = middle.wait()
            slurm.run("scancel", "--batch", "--signal=USR1", f"{array}_4")
            time.sleep(1)
        saw = completed(folder, array, assembling, 300)
        require(slurm.tasks(array)[4]["Restarts"] == "1", "was not restarted")
        gone_on(folder, 4)
        return f"told of the end after {done} tensors, requeues itself: goes on; {saw}"

    def node_fails():
        folder = bench.folder()
        with Middle(bench, folder, 1) as middle:
            array, assembling = submit(folder)
            done = middle.wait()
            node = slurm.node(middle.process)
            killed = slurm.fail(node)
            require(killed > 2, f"{killed} processes ran on {node}")
            middle.process = None
        until(lambda: slurm.states()[node].startswith("down"), 120, f"{node} is not down")
        # The others go on meanwhile; the part waits for a node.
        slurm.start_node(node)
        until(lambda: slurm.states()[node] in ("idle", "mix", "alloc"), 120, f"{node} does not come back")
        saw = completed(folder, array, assembling, 300)
        require(slurm.tasks(array)[1]["Restarts"] == "1", "was not restarted")
        gone_on(folder, 1)
        return f"{node} is down with part 1 after {done} tensors, which Slurm requeues: goes on; {saw}"

    def part_fails():
        folder = bench.folder()
        broken = folder / "model.txt"
        shutil.copytree(bench.model, broken)
        for shard in sorted(broken.glob("*.safetensors")):
            # Weights of its last tensor that are no numbers.
            with open(shard, "r+b") as file:
                file.seek(-64, os.SEEK_END)
                file.write(b"\xff\x7f" * 32)
        array, assembling = submit(folder, model=broken)
        states = slurm.wait(array)
        failed = sorted(task for task, state in states.items() if state == "FAILED")
        require(failed and len(failed) < PARTS, f"{states}\n{logs(folder)}")
        require(slurm.wait(assembling) == {0: "CANCELLED"}, "the assembling was not cancelled")
        require(not list(folder.glob("*.gguf")), "something has the output's name")
        said = bench.run("assemble", folder / "out.gguf", code=1).strip()
        require("not complete" in said, said)
        return f"parts {', '.join(map(str, failed))} FAILED, the assembling CANCELLED; by hand it says: ... {said.rpartition(': ')[2]}"

    return [whole, cancelled, requeued, out_of_time, node_fails, part_fails]


# MARK: - Kubernetes


def kubernetes_checks(bench):
    def manifest(name):
        documents = list(yaml.safe_load_all((bench.recipes / name).read_text()))
        require(len(documents) == 1, f"{name} has {len(documents)} documents")
        return documents[0]

    job, assembling = manifest("decant-job.yaml"), manifest("assemble-job.yaml")

    def schemas():
        latest = kubernetes_validate.latest_version()
        # backoffLimitPerIndex is there for everybody since 1.29.
        versions = [version for version in kubernetes_validate.utils.all_versions() if int(version.split(".")[1]) >= 29]
        versions = sorted({kubernetes_validate.utils.major_minor(version) for version in versions}, key=lambda v: int(v.split(".")[1]))
        for version in versions:
            for document in (job, assembling):
                try:
                    used = kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    raise Failure(f"{version}: {'.'.join(map(str, error.path))}: {error.message}") from None
                require(used == version, f"the schema of {version} is not there")
        # The schema would say of a word that it does not know.
        wrong = yaml.safe_load((bench.recipes / "decant-job.yaml").read_text().replace("completionMode", "completionsMode"))
        try:
            kubernetes_validate.validate(wrong, latest, strict=True)
        except kubernetes_validate.ValidationError:
            pass
        else:
            raise Failure("a word that does not exist was not noticed")
        return f"both manifests, every key known, in Kubernetes {versions[0]} to {versions[-1]}"

    def numbers():
        """What the schema does not know."""
        spec = job["spec"]
        container = spec["template"]["spec"]["containers"][0]
        count = spec["completions"]
        env = {one["name"]: one["value"] for one in container["env"]}
        require(env["DECANT_PARTS"] == str(count), f"completions is {count}, DECANT_PARTS {env['DECANT_PARTS']}")
        require(spec["parallelism"] <= count and spec["completionMode"] == "Indexed", f"{spec}")
        threads = container["args"][container["args"].index("--threads") + 1]
        require(container["resources"]["limits"]["cpu"] == threads, f"{threads} threads on other processors")
        output = container["args"][2]
        require(assembling["spec"]["template"]["spec"]["containers"][0]["args"] == ["assemble", output], "another output is assembled")
        return f"{count} completions are DECANT_PARTS, {threads} threads the processors, both jobs are of one output"

    def pods():
        """Each index as its container would run it, with its volume here."""
        folder = bench.folder()
        container = job["spec"]["template"]["spec"]["containers"][0]
        place = {container["args"][1]: str(bench.model), container["args"][2]: str(folder / "out.gguf")}
        words = [*container["command"], *(place.get(word, word) for word in container["args"])]
        env = {one["name"]: one["value"] for one in container["env"]} | {"DECANT_PARTS": str(PARTS)}
        path = {"PATH": f"{bench.path}:/usr/bin:/bin"}
        for index in range(PARTS):
            result = subprocess.run(words, env={**path, **env, "JOB_COMPLETION_INDEX": str(index)}, capture_output=True, text=True)
            require(result.returncode == 0, f"index {index}: {result.stderr}")
        last = assembling["spec"]["template"]["spec"]["containers"][0]
        result = subprocess.run([*last["command"], *(place.get(word, word) for word in last["args"])], env=path, capture_output=True,
                                text=True)
        require(result.returncode == 0, result.stderr)
        bench.same(folder)
        # Without the number of parts nothing begins, with a code that ends the job.
        result = subprocess.run(words, env={**path, "JOB_COMPLETION_INDEX": "0"}, capture_output=True, text=True)
        ends = job["spec"]["podFailurePolicy"]["rules"][1]
        require(result.returncode in ends["onExitCodes"]["values"] and "DECANT_PARTS" in result.stderr, f"{result.returncode} {result.stderr}")
        return f"the command of each index 0-{PARTS - 1} and of the assembling, run here: {PARTS} files of equal bytes"

    return [schemas, numbers, pods]


# MARK: - GNU parallel


def parallel_checks(bench, machines):
    def recipe(*words):
        return subprocess.run([str(word) for word in (bench.recipes / "parallel.sh", *words)], capture_output=True, text=True, timeout=300,
                              env={"PATH": f"{bench.path}:/usr/bin:/bin", "HOME": str(bench.work), "LC_ALL": "C",
                                   "PARALLEL_SSH": machines.ssh, "RSYNC_RSH": machines.ssh})

    def shared():
        folder = bench.folder()
        result = recipe(PARTS, machines.folder / "hosts", "quantize", bench.model, folder / "out.gguf", *OPTIONS)
        require(result.returncode == 0, result.stderr)
        bench.same(folder)
        return f"two machines over ssh, {PARTS} files of equal bytes"

    def copied():
        require(machines.own, "machines cannot have folders of their own here: unshare --mount is refused")
        output = machines.local / "out.gguf"
        result = recipe("--copy", PARTS, machines.folder / "hosts", "quantize", bench.model, output, *OPTIONS)
        require(result.returncode == 0, result.stderr)
        there = {name: len(list((machines.folder / f"local.{name}/out.gguf.parts").glob("*.gguf"))) for name in machines.names}
        require(all(there.values()) and sum(there.values()) == PARTS, f"the machines have made {there}")
        bench.same(machines.local)
        return f"machines with {' and '.join(map(str, there.values()))} parts of their own, brought here: {PARTS} files of equal bytes"

    def fails():
        folder = bench.folder()
        result = recipe(PARTS, machines.folder / "hosts", "quantize", bench.work / "no model", folder / "out.gguf", *OPTIONS)
        require(result.returncode != 0 and not list(folder.iterdir()), f"{result.returncode} {list(folder.iterdir())}")
        return f"a job without a model ends with {result.returncode}, and nothing is assembled"

    return [shared, copied, fails]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decant", type=pathlib.Path, required=True)
    parser.add_argument("--recipes", type=pathlib.Path, required=True)
    parser.add_argument("--only", help="checks with this in their name")
    parser.add_argument("--size", type=int, default=1_000_000_000, help="bytes of the model")
    parser.add_argument("--work", type=pathlib.Path, help="where everything is written; removed in the end")
    arguments = parser.parse_args()
    arguments.decant, arguments.recipes = arguments.decant.resolve(), arguments.recipes.resolve()
    needed = {"slurmctld": "slurm-wlm", "munged": "munge", "parallel": "parallel", "sshd": "openssh-server", "rsync": "rsync"}
    missing = [package for program, package in needed.items() if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    if os.geteuid() != 0 or missing:
        print(f"needs to be root, with Debian's {', '.join(missing or needed.values())}", file=sys.stderr)
        return 1
    failures = 0

    def attempt(name, check):
        nonlocal failures
        if arguments.only and arguments.only not in name:
            return
        start = time.monotonic()
        try:
            saw = check()
            print(f"ok      {name} ({time.monotonic() - start:.1f} s): {saw}", flush=True)
        except (Failure, subprocess.TimeoutExpired, OSError) as failure:
            failures += 1
            print(f"FAILED  {name}: {failure}", flush=True)

    # A test that is ended ends its daemons.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.work))).resolve()
        bench = Bench(arguments, work)
        for check in kubernetes_checks(bench):
            attempt(f"kubernetes: {check.__name__}", check)
        groups = [
            ("parallel", parallel_checks, lambda: Machines(work / "machines", bench.path, work / "local")),
            ("slurm", slurm_checks, lambda: Slurm(work / "slurm", bench.path)),
        ]
        for group, make, daemons in groups:
            with daemons() as running:
                for check in make(bench, running):
                    attempt(f"{group}: {check.__name__}", check)
    print(f"{failures} checks failed" if failures else "all checks passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
