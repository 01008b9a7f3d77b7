"""Blocks: their names in transfers, the functions that transfer, start and stop them.

The rule it lives by: a file name that does not follow the pattern is given as it stands, and names no block.
"""

from mypy_extensions import i64

from sensor.contract import Target
from sensor.protocols.s7comm.message import S7Message
from sensor.protocols.s7comm.names import BLOCK_TYPES, FILESYSTEMS, PI_SERVICES
from sensor.protocols.s7comm.outline import Outline
from sensor.protocols.s7comm.wire import (
    DOWNLOAD_BLOCK,
    END_UPLOAD,
    PLC_STOP,
    REQUEST_DOWNLOAD,
    START_UPLOAD,
    UPLOAD,
    u16,
    u32,
)

FILE_NAME = 9  # "_", type in two hexadecimal digits, number in five decimal ones, file system
MAX_TARGET = 64  # octets of a target's text: a service and its words
ENTRY = 8  # the same without the "_", in PI services and block functions


def text(octets: bytes) -> str:
    """Return octets as text; whatever is not ASCII shows as an escape."""
    return octets.decode("ascii", "backslashreplace")


def block_of(entry: bytes) -> tuple[str, int, str] | None:
    """Return type, number and file system from "0A00001P"; None when it is no block's name."""
    if len(entry) not in (ENTRY - 1, ENTRY) or not entry[2:7].isdigit():
        return None
    kind = text(entry[:2])
    filesystem = text(entry[7:8])
    return BLOCK_TYPES.get(kind, kind), int(entry[2:7]), FILESYSTEMS.get(filesystem, filesystem)


def say_block(message: S7Message, blocks: list[tuple[str, int, str]]) -> None:
    """Add blocks as fields and targets."""
    if not blocks:
        return
    message.said["s7comm.block_types"] = [kind for kind, _, _ in blocks]
    message.said["s7comm.block_numbers"] = [number for _, number, _ in blocks]
    message.said["s7comm.block_filesystems"] = [filesystem for _, _, filesystem in blocks if filesystem]
    message.targets = [Target(kind, number, number) for kind, number, _ in blocks]


def read_file_name(message: S7Message, name: bytes) -> None:
    """Read the name of the file that is transferred."""
    message.said["s7comm.file_name"] = text(name)
    block = block_of(name[1:]) if len(name) == FILE_NAME else None
    if block is not None:
        say_block(message, [block])
    else:
        message.targets = [Target(text(name), -1, -1)]


def read_transfer_job(message: S7Message, outline: Outline, data: bytes) -> None:
    """Read a job of a download or an upload."""
    at, end = outline.parameters, outline.data
    if end - at >= 8 and outline.function in (UPLOAD, END_UPLOAD):
        message.said["s7comm.upload_id"] = u32(data, at + 4)
    if outline.function not in (UPLOAD, END_UPLOAD) and end - at >= 9:
        behind = at + 9 + i64(data[at + 8])
        read_file_name(message, data[at + 9 : min(behind, end)])
        if outline.function == REQUEST_DOWNLOAD and behind + 14 <= end and data[behind + 2 : behind + 14].isdigit():
            message.said["s7comm.load_memory_length"] = int(data[behind + 2 : behind + 8])
            message.said["s7comm.code_length"] = int(data[behind + 8 : behind + 14])


def read_transfer_answer(message: S7Message, outline: Outline, data: bytes) -> None:
    """Read the answer to one."""
    at, end = outline.parameters, outline.data
    if outline.function in (UPLOAD, DOWNLOAD_BLOCK):
        if end - at >= 2:
            message.said["s7comm.more_follows"] = data[at + 1] & 1 != 0
        if outline.end - outline.data >= 4:
            message.said["s7comm.part_length"] = u16(data, outline.data)
    elif outline.function == START_UPLOAD and end - at >= 9:
        message.said["s7comm.upload_id"] = u32(data, at + 4)
        length = data[at + 9 : min(at + 9 + i64(data[at + 8]), end)]
        if length.isdigit():
            message.said["s7comm.block_length"] = int(length)


def read_pi_service(message: S7Message, outline: Outline, data: bytes) -> None:
    """Read a program invocation: its name, and the blocks or words it is given."""
    at, end = outline.parameters, outline.data
    if outline.function == PLC_STOP:
        name = data[at + 7 : min(at + 7 + i64(data[at + 6]), end)] if end - at >= 7 else b""
        message.said["s7comm.pi_service"] = text(name)
        return
    if end - at < 10:
        return
    behind = at + 10 + u16(data, at + 8)
    if behind >= end:
        return
    service = text(data[behind + 1 : min(behind + 1 + i64(data[behind]), end)])
    said = message.said
    said["s7comm.pi_service"] = service
    meaning, message.action = PI_SERVICES.get(service, ("", "other"))
    if meaning:
        said["s7comm.pi_meaning"] = meaning
    if service == "P_PROGRAM":
        message.operation = "plc_start"
    read_pi_arguments(message, service, data[at + 10 : behind])


def read_pi_arguments(message: S7Message, service: str, block: bytes) -> None:
    """Read what a PI service is given. The target names the service, so that to delete is not to insert."""
    if service in ("_INSE", "_INS2", "_DELE"):
        blocks = [block_of(block[at : at + ENTRY]) for at in range(2, len(block) - ENTRY + 1, ENTRY)]
        say_block(message, [found for found in blocks if found is not None])
        for target in message.targets:
            target.space = f"{service} {target.space}"
    else:
        words = counted_words(block) if service.startswith("_N_") else [text(block)] if block else []
        if words:
            message.said["s7comm.pi_arguments"] = words
        message.targets = [Target(" ".join([service, *words])[:MAX_TARGET].rstrip(), -1, -1)]
    if not message.targets:
        message.targets = [Target(service, -1, -1)]


def counted_words(block: bytes) -> list[str]:
    """Split a block of words that each begin with their length; one of odd whole length is filled up."""
    words: list[str] = []
    at = 0
    while at < len(block):
        length = block[at]
        words.append(text(block[at + 1 : at + 1 + length]))
        at += 1 + length + ((1 + length) & 1)
    return words
