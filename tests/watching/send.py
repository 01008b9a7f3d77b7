"""Send the frames of a capture on an interface: `send.py CAPTURE INTERFACE FRAMES_A_SECOND`."""

import socket
import sys
import time

from sensor.capture.block import RECORD
from sensor.capture.files import Captures


def frames(path):
    for block in Captures([path]).blocks():
        for record in range(block.first, block.last):
            at = record * RECORD
            start = int.from_bytes(block.index[at + 8 : at + 12], "little")
            length = int.from_bytes(block.index[at + 12 : at + 16], "little")
            yield block.data[start : start + length]


def main():
    path, interface, rate = sys.argv[1], sys.argv[2], float(sys.argv[3])
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind((interface, 0))
    began = time.monotonic()
    for number, frame in enumerate(frames(path)):
        ahead = number / rate - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(ahead)
        out.send(frame)


if __name__ == "__main__":
    main()
