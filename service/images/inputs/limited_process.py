"""The process that decodes one file: `python -m service.images.inputs.limited_process MAX_PIXELS FILE_BYTES`.

Before it reads anything it limits its memory and CPU seconds, and forbids itself files and core dumps. It reads the
file from standard input until its end, and writes an answer of one line and, where the file was decoded, its pixels:

    ok MODE WIDTH HEIGHT
    refused SENTENCE
"""

from __future__ import annotations

import resource
import sys
from typing import BinaryIO, Final

MEMORY_BASE_BYTES: Final = 512 << 20
"""Address space of the interpreter and the decoders, without any pixels."""
MEMORY_BYTES_A_PIXEL: Final = 24
"""Address space for each pixel of the largest accepted image: the decoders hold several copies of it."""
CPU_S: Final = 20


def limit(max_pixels: int, file_bytes: int) -> None:
    """Limits this process for the rest of its life."""
    memory = MEMORY_BASE_BYTES + MEMORY_BYTES_A_PIXEL * max_pixels + 2 * file_bytes
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


def answer(file: bytes, max_pixels: int, out: BinaryIO) -> None:
    from service.images.inputs.decoding import UnreadableImageError, decode

    try:
        image = decode(file, max_pixels=max_pixels).image
        pixels = image.tobytes()
    except UnreadableImageError as error:
        out.write(f"refused {error}\n".encode())
    except MemoryError:
        out.write(b"refused Decoding the image takes too much memory.\n")
    else:
        out.write(f"ok {image.mode} {image.width} {image.height}\n".encode())
        out.write(pixels)
    out.flush()


def main() -> None:
    max_pixels, file_bytes = int(sys.argv[1]), int(sys.argv[2])
    limit(max_pixels, file_bytes)
    answer(sys.stdin.buffer.read(), max_pixels, sys.stdout.buffer)


if __name__ == "__main__":
    main()
