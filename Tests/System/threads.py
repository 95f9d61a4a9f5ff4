"""Stops one thread of a process, as a lock that never comes would: the others run on (ptrace(2))."""
import ctypes
import os
import threading

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def threads(pid):
    """Numbers of the threads with their names, the main thread first."""
    found = []
    for name in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        try:
            with open(f"/proc/{pid}/task/{name}/comm", encoding="utf-8") as file:
                found.append((int(name), file.read().strip()))
        except FileNotFoundError:
            pass        # it ended meanwhile
    return found


class Wedged:
    """A thread that stands still for as long as the block lasts, or until its process is killed."""

    def __init__(self, tid):
        self.tid = tid
        self.stopped = threading.Event()
        self.release = threading.Event()
        self.failure = None
        # Only the thread that seized may wait and detach, so it is one of its own.
        self.tracer = threading.Thread(target=self._trace, daemon=True)

    def __enter__(self):
        self.tracer.start()
        assert self.stopped.wait(10), f"thread {self.tid} did not stop"
        if self.failure:
            raise self.failure
        return self

    def __exit__(self, *_):
        self.release.set()
        self.tracer.join(10)

    def _call(self, request):
        if libc.ptrace(request, self.tid, None, None) < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), f"ptrace {request:#x} of {self.tid}")

    def _trace(self):
        try:
            self._call(SEIZE)
            self._call(INTERRUPT)
            os.waitpid(self.tid, WALL)
        except (OSError, ChildProcessError) as failure:
            self.failure = failure
            return
        finally:
            self.stopped.set()
        while not self.release.wait(0.02):
            # systemd kills the process: the thread must be reaped, or its process stays a zombie.
            try:
                os.waitpid(self.tid, WALL | os.WNOHANG)
            except ChildProcessError:
                return
        try:
            self._call(DETACH)
        except OSError:
            pass        # it is gone

