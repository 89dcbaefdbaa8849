"""A Slurm and machines behind ssh, on the loopback address, with all that they have in a folder: a cluster that this machine has is not
touched, and nothing is left of them."""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import time


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def until(condition, seconds, what, pause=0.1):
    """Waits for a condition, and returns what it gives."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def descendants(process):
    """Of a process, with itself, by their numbers."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text()
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, left = [], [process]
    while left:
        one = left.pop()
        found.append(one)
        left += children.get(one, [])
    return found


class Daemons:
    """Processes that run until the end of a `with`."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        folder.chmod(0o755)
        self.processes = {}

    def start(self, name, *words, env=None):
        with open(self.folder / f"{name}.said", "ab") as said:
            self.processes[name] = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                                    env=env, start_new_session=True)

    def said(self, name):
        return (self.folder / f"{name}.said").read_text(errors="replace")[-1500:]

    def kill(self, name):
        """At once, as a machine fails."""
        process = self.processes.pop(name)
        for one in descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.processes)):
            process = self.processes[name]
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                pass
            self.kill(name)


class Slurm(Daemons):
    """slurmctld, and two slurmd as two nodes that say to have 16 processors, so that two tasks of the recipe run on each."""

    nodes = ("node1", "node2")

    def __init__(self, folder, path):
        super().__init__(folder)
        self.environment = {"PATH": f"{path}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": str(folder), "USER": "root",
                            "SLURM_CONF": str(folder / "slurm.conf")}

    def begin(self):
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        (self.folder / "state").mkdir()
        control, *ports = free_ports(1 + len(self.nodes))
        host = socket.gethostname().split(".")[0]
        lines = {
            "ClusterName": "decant", "SlurmctldHost": f"{host}(127.0.0.1)", "SlurmctldPort": control, "SlurmUser": "root",
            "AuthType": "auth/munge", "AuthInfo": f"socket={self.folder}/munge.socket,cred_expire=2",
            # Without cgroups and systemd, so that it runs in a container.
            "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none", "JobAcctGatherType": "jobacct_gather/none",
            "SelectType": "select/cons_tres", "SelectTypeParameters": "CR_CPU", "SlurmdParameters": "config_overrides",
            "StateSaveLocation": self.folder / "state", "SlurmdSpoolDir": f"{self.folder}/spool.%n",
            "SlurmctldPidFile": self.folder / "slurmctld.pid", "SlurmdPidFile": f"{self.folder}/%n.pid",
            "SlurmdTimeout": 5, "ReturnToService": 2, "KillWait": 5, "MinJobAge": 3600, "MpiDefault": "none",
            "SchedulerParameters": "sched_interval=2,bf_interval=2",
        }
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        for node, port in zip(self.nodes, ports):
            (self.folder / f"spool.{node}").mkdir()
            text += f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=16 RealMemory=8192\n"
        text += f"PartitionName=all Nodes={','.join(self.nodes)} Default=YES MaxTime=INFINITE\n"
        (self.folder / "slurm.conf").write_text(text)
        # --force: the folder of a test may lie where others may not look.
        self.start("munged", "munged", "--foreground", "--force", *(
            f"--{option}={self.folder}/munge.{name}" for option, name in
            [("socket", "socket"), ("key-file", "key"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed")]))
        until((self.folder / "munge.socket").exists, 10, "munged has no socket")
        self.start("slurmctld", "slurmctld", "-D", env=self.environment)
        for node in self.nodes:
            self.start_node(node)
        until(lambda: self.states() == {node: "idle" for node in self.nodes}, 60, "the nodes are not ready")

    def start_node(self, node):
        self.start(node, "slurmd", "-D", "-N", node, env=self.environment)

    def run(self, *words, cwd=None):
        return subprocess.run([str(word) for word in words], env=self.environment, cwd=cwd, capture_output=True, text=True, timeout=120)

    def states(self):
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %t").stdout.split("\n")
        return dict(line.split() for line in lines if line)

    def tasks(self, job):
        """Of a job, or each task of an array, what scontrol says."""
        found = {}
        for line in self.run("scontrol", "-o", "show", "job", job).stdout.splitlines():
            fields = dict(word.partition("=")[::2] for word in line.split())
            # Tasks that wait together are one line, with all their numbers.
            numbers = fields.get("ArrayTaskId", "").partition("%")[0]
            for number in [word for word in numbers.split(",") if word] or [""]:
                first, _, last = number.partition("-")
                for task in range(int(first), int(last or first) + 1) if first else [0]:
                    found[task] = fields
        return found

    def wait(self, job, seconds=180):
        """Until nothing of a job runs or waits; the state of each of its tasks."""
        def done():
            tasks = self.tasks(job)
            for task, fields in tasks.items():
                # What is requeued waits for two minutes; a test need not.
                if fields.get("Reason") == "BeginTime":
                    self.run("scontrol", "update", f"JobId={job}_{task}", "StartTime=now")
            states = {task: fields["JobState"] for task, fields in tasks.items()}
            over = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE"}
            return states if states and all(state in over for state in states.values()) else None
        try:
            return until(done, seconds, f"job {job} is not over")
        except TimeoutError as failure:
            queue = self.run("squeue", "-a", "-o", "%i %t %r").stdout
            raise TimeoutError(f"{failure}\n{queue}") from None

    def __exit__(self, *_):
        for node in self.nodes:
            if node in self.processes:
                self.kill(node)
        # A step does not belong to the slurmd that has started it.
        for process in self.steps():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        super().__exit__()

    def steps(self, node=None):
        """The slurmstepd of this Slurm alone, and what they have started."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "exe").readlink().name.startswith("slurmstepd"):
                    words = (entry / "environ").read_bytes().split(b"\0")
                    if f"SLURM_CONF={self.folder}/slurm.conf".encode() not in words:
                        continue
                    processes = descendants(int(entry.name))
                    if node is None or any(self.node(process) == node for process in processes):
                        found += processes
        return found

    @staticmethod
    def node(process):
        with contextlib.suppress(OSError):
            for word in pathlib.Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
                if word.startswith(b"SLURMD_NODENAME="):
                    return word.partition(b"=")[2].decode()
        return None

    def fail(self, node):
        """As a machine without power: everything on it is gone at once."""
        steps = self.steps(node)
        self.kill(node)
        for process in steps:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return len(steps)


class Machines(Daemons):
    """Two sshd that are two machines: each has its own folder at the place `local`, where it may have one."""

    names = ("one", "two")

    def __init__(self, folder, path, local):
        super().__init__(folder)
        self.path, self.local = path, local

    def begin(self):
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)
        shutil.copy(self.folder / "user.pub", self.folder / "authorized")
        self.local.mkdir()
        self.own = subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
        configuration = ""
        for name, port in zip(self.names, free_ports(len(self.names))):
            (self.folder / f"local.{name}").mkdir()
            options = {
                "Port": port, "ListenAddress": "127.0.0.1", "HostKey": self.folder / "host", "PidFile": self.folder / f"{name}.pid",
                "AuthorizedKeysFile": self.folder / "authorized", "StrictModes": "no", "PermitRootLogin": "prohibit-password",
                "PasswordAuthentication": "no", "UsePAM": "yes", "MaxStartups": 100,
                "SetEnv": f"PATH={self.path}:/usr/bin:/bin",
            }
            file = self.folder / f"sshd.{name}"
            file.write_text("".join(f"{key} {value}\n" for key, value in options.items()))
            words = ["/usr/sbin/sshd", "-D", "-e", "-f", file]
            if self.own:
                mount = f"mount --bind {shlex.quote(f'{self.folder}/local.{name}')} {shlex.quote(str(self.local))}"
                words = ["unshare", "--mount", "sh", "-c", f"{mount} && exec {shlex.join(map(str, words))}"]
            self.start(name, *words)
            configuration += (f"Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {self.folder}/user\n"
                              f"  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n")
        (self.folder / "config").write_text(configuration)
        self.ssh = f"ssh -F {self.folder}/config"
        (self.folder / "hosts").write_text("\n".join(self.names) + "\n")
        for name in self.names:
            until(lambda: subprocess.run([*self.ssh.split(), name, "true"], capture_output=True).returncode == 0, 20,
                  f"no machine {name}: {self.said(name)}")
