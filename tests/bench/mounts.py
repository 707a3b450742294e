# SPDX-License-Identifier: Apache-2.0
"""mounts - ways to mount an image, and clients whose cost on it is measured

A client is the same in each mount: a process of the ordinary user that has only moved its
working directory, or its root, there. (Into a container's mount it goes by way of a process
inside, and joins its user namespace, without which the kernel lets nobody use the mount.)
So starting a container is not in the numbers, and programs of the host work anywhere.
"""

import contextlib
import ctypes
import dataclasses
import functools
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from benchlib import TOP, be_alone, compile_tiny, run

ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}
libc = ctypes.CDLL(None, use_errno=True)


def isolated(keep):
    """Run this program again as the first process of namespaces of its own, so that nothing
    is left mounted or running when that ends. Returns only there, with a directory for
    images: KEEP, or one that is removed in the end."""
    if os.getpid() == 1 and "CH_BENCH_WORK" in os.environ:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the outer process ends us
        return os.environ["CH_BENCH_WORK"]
    if os.geteuid() != 0:
        sys.exit(f"{os.path.basename(sys.argv[0])}: must be run as root: it mounts")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    be_alone()
    work = os.path.abspath(keep or tempfile.mkdtemp(prefix="charlie-bench-", dir="/var/tmp"))
    try:
        os.makedirs(work, exist_ok=True)
        os.chmod(work, 0o755)
        sys.exit(run_inside(work))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if not keep:
            remove(work)


def run_inside(work):
    child = subprocess.Popen(
        [f"{TOP}/tests/lib/open-fuse", "setpriv", "--pdeathsig", "KILL",
         "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
         "--mount-proc", *sys.orig_argv], env=os.environ | {"CH_BENCH_WORK": work})
    try:
        return child.wait()
    finally:
        child.kill()
        child.wait()


def remove(directory):
    """What was killed in there may still be writing."""
    for _ in range(20):
        shutil.rmtree(directory, ignore_errors=True)
        if not os.path.exists(directory):
            break
        time.sleep(0.1)


def processes():
    """{pid: name} of all that live."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(") ", 1)
            if rest[0] not in "ZX":
                found[int(pid)] = name
    return found


def named(name):
    return [p for p, n in processes().items() if n == name]


def settled():
    """The processes, when those that only help at the start have ended."""
    now = processes().keys()
    while True:
        time.sleep(0.05)
        before, now = now, processes().keys()
        if before == now:
            return now


def wait_for(what, starter=None):
    """The first true result of WHAT, for which STARTER has to live."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if result := what():
            return result
        if starter and starter.poll() is not None:
            raise ChildProcessError(f"{starter.args[0]} ended: {starter.returncode}")
        time.sleep(0.002)
    raise TimeoutError("the mount did not come, or did not go")


def reap():
    """Orphans are ours: we are the first process."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


# ---- contenders -----------------------------------------------------------------------

@dataclasses.dataclass
class Mount:
    root: str       # a path that leads there
    servers: set    # processes that serve it
    userns: str = None

    def cpu(self):
        """CPU seconds of the servers, threads that have ended included."""
        return sum(time.clock_gettime(cpu_clock(p)) for p in self.servers)

    def memory(self):
        """The most that the servers had resident, in MiB: the sum of all, shared pages twice."""
        total = 0
        for pid in self.servers:
            with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
        return total / 1024


def cpu_clock(pid):
    clock = ctypes.c_int()
    error = libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise OSError(error, f"process {pid}: {os.strerror(error)}")
    return clock.value


class Mounts:
    """How to mount; each method is a context that gives a Mount."""

    def __init__(self, user):
        self.user = user
        self.trace = []     # put in front of the commands whose processes serve
        self.point, self.bin, self.home = "/mnt/point", "/mnt/bin", "/mnt/home"
        run(["mount", "-t", "tmpfs", "-o", "mode=755", "bench", "/mnt"])
        for d in (self.point, self.bin, self.home):
            os.mkdir(d)
        os.chown(self.home, user.pw_uid, user.pw_gid)
        compile_tiny(os.path.join(self.bin, "hold"), nap=10**9)

    def ways(self, prefixes):
        """{contender: function of what to mount}; PREFIXES: {contender: installation}"""
        ours = {name: functools.partial(self.container, [f"{prefix}/bin/ch-run"])
                for name, prefix in prefixes.items()}
        return ours | {
            "kernel": self.kernel,
            "squashfuse_ll": self.squashfuse_ll,
            "ch-run": functools.partial(self.container, ["/usr/bin/ch-run", "-m", self.point]),
            "tree": self.tree,
        }

    @contextlib.contextmanager
    def container(self, ch_run, image):
        """Its first process is not of the image: nothing of that is read but /mnt."""
        before = processes()
        starter = subprocess.Popen(
            [*self.trace, "setpriv", f"--reuid={self.user.pw_uid}",
             f"--regid={self.user.pw_gid}", "--clear-groups",
             *ch_run, "-b", f"{self.bin}:/mnt", image, "--", "/mnt/hold"], cwd="/",
            env=ENV | {"HOME": self.home, "USER": self.user.pw_name},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            inside = wait_for(lambda: named("hold"), starter)[0]
            yield Mount(f"/proc/{inside}/root", settled() - before.keys() - {inside},
                        f"/proc/{inside}/ns/user")
        finally:
            holders = named("hold")
            for pid in holders:
                os.kill(pid, signal.SIGKILL)
            if not holders:
                starter.kill()
            wait_for(lambda: not processes().keys() - before.keys())
            starter.wait()
            reap()

    @contextlib.contextmanager
    def host(self, servers):
        """What is mounted on self.point by now. Programs may want the usual three, too."""
        try:
            for d in ("dev", "proc", "sys"):
                run(["mount", "--rbind", f"/{d}", f"{self.point}/{d}"])
            yield Mount(self.point, servers)
        finally:
            run(["umount", "--recursive", self.point])

    @contextlib.contextmanager
    def kernel(self, image):
        run(["mount", "-t", "squashfs", "-o", "loop,ro", image, self.point])
        with self.host(set()) as mount:
            yield mount

    @contextlib.contextmanager
    def tree(self, directory):
        run(["mount", "--bind", directory, self.point])
        with self.host(set()) as mount:
            yield mount

    @contextlib.contextmanager
    def squashfuse_ll(self, image):
        server = subprocess.Popen(
            [*self.trace, "squashfuse_ll", "-f", "-o", "allow_other", image, self.point])
        try:
            wait_for(lambda: os.path.ismount(self.point), server)
            with self.host({server.pid}) as mount:
                yield mount
            server.wait(20)
        finally:
            server.kill()
            server.wait()


# ---- clients --------------------------------------------------------------------------

@dataclasses.dataclass
class Sample:
    """Seconds, MiB."""
    wall: float = math.nan
    client: float = math.nan
    server: float = math.nan
    memory: float = math.nan
    error: str = None

    @property
    def cpu(self):
        return self.client + self.server


def program(*argv):
    """A job that executes ARGV."""
    return lambda: os.posix_spawn(argv[0], argv, ENV)


def forked(function, *args):
    """A job that calls FUNCTION in a process of its own."""
    def start():
        pid = os.fork()
        if pid == 0:
            leave(function, *args)
        return pid
    return start


def leave(function, *args):
    """End this process after FUNCTION."""
    try:
        function(*args)
        os._exit(0)
    except BaseException as e:
        os.write(2, f"{type(e).__name__}: {e}\n".encode())
        os._exit(1)


class Client:
    def __init__(self, user, cpu=None):
        self.user, self.cpu = user, cpu

    def measure(self, mount, jobs, inside):
        """Start all JOBS at once on the mount; with INSIDE, that is their root."""
        with tempfile.TemporaryFile() as result, tempfile.TemporaryFile() as errors:
            before = mount.cpu()
            pid = os.fork()
            if pid == 0:
                leave(self.run, mount, jobs, inside, result, errors)
            os.waitpid(pid, 0)
            time.sleep(0.02)  # what the server does ahead belongs to it
            server = mount.cpu() - before
            result.seek(0)
            text = result.read()
            errors.seek(0)
            if not text:
                return Sample(error="; ".join(errors.read().decode().splitlines()[-2:]))
            return Sample(**json.loads(text), server=server, memory=mount.memory())

    def run(self, mount, jobs, inside, result, errors):
        null = os.open("/dev/null", os.O_RDWR)
        for fd, to in ((null, 0), (null, 1), (errors.fileno(), 2)):
            os.dup2(fd, to)
        self.enter(mount, inside)
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})
        begin = time.perf_counter()
        pids = [start() for start in jobs]
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
        wall = time.perf_counter() - begin
        if any(statuses):
            raise ChildProcessError(f"wait status {max(statuses)}")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        result.write(json.dumps({"wall": wall, "client": used.ru_utime + used.ru_stime}).encode())
        result.flush()

    def enter(self, mount, inside):
        """Whoever is not the one who mounted is kept out of some, root included; and in a
        namespace of users, root is not needed for chroot."""
        os.setgroups([])
        root = os.open(mount.root, os.O_PATH | os.O_DIRECTORY)
        if mount.userns:
            self.join(mount.userns)
            self.become_user()
        os.fchdir(root)
        if inside:
            os.chroot(".")
        if not mount.userns:
            self.become_user()

    @staticmethod
    def join(userns):
        fd = os.open(userns, os.O_RDONLY)
        if libc.setns(fd, 0):
            raise OSError(ctypes.get_errno(), "setns")

    def become_user(self):
        os.setresgid(*[self.user.pw_gid] * 3)
        os.setresuid(*[self.user.pw_uid] * 3)
