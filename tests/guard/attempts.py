"""What somebody who got into the sensor would try. Each returns, or raises OSError as the kernel says."""

import contextlib
import ctypes
import fcntl
import mmap
import os
import pathlib
import socket
import struct

from sensor.guard import kernel, places
from sensor.guard.calls import numbers
from tests.guard.inside import RAN

CALLS = numbers(kernel.machine()) if kernel.machine() else {}
NEW_USER_SPACE = 0x1000_0000
ATTACH, DETACH = 16, 17
RDWR = os.O_RDWR | os.O_CREAT


def ask(name, *arguments):
    return kernel.call(CALLS[name], *arguments)


def opened(path, flags=os.O_RDONLY):
    os.close(os.open(path, flags, 0o600))


# --- The network --------------------------------------------------------------------------------------


def packet_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


def raw_socket():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def audit_socket():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9).close()


def any_socket():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        pass


def listen():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()


def abstract(name):
    with socket.socket(socket.AF_UNIX) as there:
        there.connect(f"\0{name}")


# --- Programs and processes ---------------------------------------------------------------------------


def run_a_program():
    os.execv("/bin/sh", ["sh", "-c", f"exit {RAN}"])


def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def trace(pid):
    ask("ptrace", ATTACH, pid, 0, 0)
    os.waitpid(pid, 0x4000_0000)  # stopped, though it is no child of ours
    ask("ptrace", DETACH, pid, 0, 0)


def read_memory(pid):
    data = ctypes.create_string_buffer(8)
    here = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(data), 8))
    there = ctypes.create_string_buffer(struct.pack("=QQ", id(CALLS), 8))  # forked from us: at the same address
    return ask("process_vm_readv", pid, here, 1, there, 1, 0)


def signal_(pid):
    os.kill(pid, 0)


def new_user_space():
    ask("unshare", NEW_USER_SPACE)


def forked_user_space():
    child = ask("clone", NEW_USER_SPACE | 17, 0, 0, 0, 0)  # 17: SIGCHLD
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def join_spaces():
    with contextlib.closing(Descriptor("/proc/self/ns/net")) as space:
        ask("setns", space.number, 0)


class Descriptor:
    def __init__(self, path):
        self.number = os.open(path, os.O_RDONLY)

    def close(self):
        os.close(self.number)


# --- The kernel ---------------------------------------------------------------------------------------


def load_bpf():
    attributes = ctypes.create_string_buffer(struct.pack("=5I", 2, 4, 4, 1, 0) + bytes(100))  # an array of one entry
    os.close(ask("bpf", 0, attributes, len(attributes.raw)))


def mount(folder):
    kind = ctypes.create_string_buffer(b"tmpfs")
    where = ctypes.create_string_buffer(os.fsencode(folder))
    ask("mount", kind, where, kind, 0, None)
    ask("umount2", where, 0)


def change_root(folder):
    ask("chroot", ctypes.create_string_buffer(os.fsencode(folder)))


def rings():
    os.close(ask("io_uring_setup", 1, ctypes.create_string_buffer(120)))


def perf():
    attributes = ctypes.create_string_buffer(struct.pack("=IIQ", 1, 112, 0) + bytes(96))  # software: the CPU's clock
    os.close(ask("perf_event_open", attributes, 0, -1, -1, 0))


def page_faults():
    os.close(ask("userfaultfd", 0))


def keys():
    ask("keyctl", 0, -3, 0)  # the session's keyring


def own_hostname():
    name = os.uname().nodename.encode()
    ask("sethostname", ctypes.create_string_buffer(name), len(name))


def hidden_file():
    os.close(os.memfd_create("hidden"))


def written_code():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def new_code():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()


def type_into(terminal):
    fcntl.ioctl(terminal, 0x5412, b"x")


# --- Files --------------------------------------------------------------------------------------------


def read(path):
    opened(path)


def create(path):
    opened(path, RDWR)
    pathlib.Path(path).unlink()


def append(path):
    opened(path, os.O_WRONLY | os.O_APPEND)


def shorten(path):
    os.truncate(path, pathlib.Path(path).stat().st_size)


def rename(path):
    pathlib.Path(path).rename(f"{path}.away").rename(path)


def write_into_package():
    create(places.PACKAGE / "intruder.py")


def change_package():
    append(places.PACKAGE / "cli.py")


def rise():
    os.setresuid(0, 0, 0)
