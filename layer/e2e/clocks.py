"""Moves the clocks of one running process, without touching the machine's.

A Go program takes the time from the vDSO, the page of code that the kernel maps into every process for that. Here
its clock_gettime is replaced, in the memory of the one process, by a few instructions that ask the kernel and add
what a test wants. So the process is the shipped executable, as Lambda's emulator started it, at its own speed; and
nothing has to be installed for it, which an emulated processor and a preloaded library would need: such packages
are of one distribution, and their versions vanish from its mirrors.

The memory of another user's process that does not let itself be dumped can be written by root, which the tests are
in their namespaces, whoever started them.
"""

import platform
import re
import struct
from pathlib import Path

WALL, MONOTONIC = 0, 1  # CLOCK_REALTIME and CLOCK_MONOTONIC

# By architecture: the vDSO's function, and the code that is put there. It ends where the two offsets begin, in whole
# seconds. Other clocks are answered as they are, and so are errors, of which a process that runs sees none.
CODE = {
    "x86_64": (
        "__vdso_clock_gettime",
        "b8e4000000"  # mov eax, 228: clock_gettime
        "0f05"  # syscall
        "89ff"  # mov edi, edi: the upper half of rdi is anything
        "83ff01"  # cmp edi, 1
        "770e"  # ja end
        "488d0d0b000000"  # lea rcx, [rip + offsets]
        "488b0cf9"  # mov rcx, [rcx + rdi*8]
        "48010e"  # add [rsi], rcx: tv_sec
        "c3"  # end: ret
        "909090",
    ),
    "aarch64": (
        "__kernel_clock_gettime",
        "e903002a"  # mov w9, w0
        "280e80d2"  # mov x8, #113: clock_gettime
        "010000d4"  # svc #0
        "3f050071"  # cmp w9, #1
        "c8000054"  # b.hi end
        "ea000010"  # adr x10, offsets
        "4a5969f8"  # ldr x10, [x10, w9, uxtw #3]
        "2b0040f9"  # ldr x11, [x1]: tv_sec
        "6b010a8b"  # add x11, x11, x10
        "2b0000f9"  # str x11, [x1]
        "c0035fd6"  # end: ret
        "1f2003d5",
    ),
}


class Clocks:
    """The clocks of a process that is stopped when this is made, so that it is nowhere within the code replaced."""

    def __init__(self, pid: int):
        self._memory = Path(f"/proc/{pid}/mem")
        name, code = CODE[platform.machine()]
        first, last = _vdso(pid)
        with self._memory.open("rb", 0) as memory:
            memory.seek(first)
            offset, size = _function(memory.read(last - first), name)
        replacement = bytes.fromhex(code)
        assert size >= len(replacement) + 16, f"{name} has only {size} bytes"
        self._offsets = first + offset + len(replacement)
        self._moved = [0, 0]
        self._write(first + offset, replacement + bytes(16))

    def move(self, clock: int, seconds: int):
        """Move a clock, forward or back, from where it is."""
        self._moved[clock] += seconds
        self._write(self._offsets + 8 * clock, struct.pack("<q", self._moved[clock]))

    def _write(self, address, data):
        try:
            with self._memory.open("r+b", 0) as memory:
                memory.seek(address)
                memory.write(data)
        except OSError as error:
            raise AssertionError(
                "The kernel does not let the tests change the extension's memory. They need root's rights there, "
                "and a kernel without proc_mem.force_override=never or =ptrace among its options."
            ) from error


def _vdso(pid):
    """Return where the kernel has put the vDSO."""
    found = re.search(r"^(\w+)-(\w+) .*\[vdso\]$", Path(f"/proc/{pid}/maps").read_text(), re.MULTILINE)
    assert found, "the kernel gives processes no vDSO"
    return int(found[1], 16), int(found[2], 16)


def _function(image, name):
    """Find a function in the image of a shared object: where it is and how long."""
    sections, count = struct.unpack_from("<40xQ12xH", image)
    for number in range(count):
        kind, offset, size, link = struct.unpack_from("<4xI16xQQI", image, sections + 64 * number)
        if kind != 11:  # SHT_DYNSYM
            continue
        strings = struct.unpack_from("<24xQ", image, sections + 64 * link)[0]
        for symbol in range(offset, offset + size, 24):
            text, value, length = struct.unpack_from("<I4xQQ", image, symbol)
            begin = strings + text
            if image[begin : image.index(b"\0", begin)].decode() == name:
                return value, length
    raise AssertionError(f"the vDSO has no {name}")
