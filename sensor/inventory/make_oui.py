"""Make `oui.tsv.gz` anew from the IEEE's register of vendors, as the package aiooui carries it.

Run by `make oui` after `pip install aiooui`. The rule it lives by: the table is data, sorted, one line a prefix.
"""

import gzip
import importlib.resources
import pathlib
import struct

TABLE = pathlib.Path(__file__).with_name("oui.tsv.gz")
# Words that only say what kind of company it is.
LEGAL = (" AG", " B.V", " Co.,Ltd", " Co., Ltd", " Co. Ltd", ", Ltd", " Ltd", " GmbH", " Corporation", " Corp", ", LLC",
         ", Inc", " Inc", " S.A", " Limited")  # fmt: skip


def short(vendor: str) -> str:
    """Return the vendor's name without its legal form and stray spaces."""
    name = " ".join(vendor.split()).rstrip(" ,.")
    for form in LEGAL:
        name = name.removesuffix(form)
    return name.rstrip(" ,.")


def vendors(data: bytes) -> dict[int, str]:
    """Read the register: magic, count, keys (u32), offsets (u32), names ended by a line feed."""
    (count,) = struct.unpack_from("<I", data, 4)
    keys = struct.unpack_from(f"<{count}I", data, 8)
    offsets = struct.unpack_from(f"<{count}I", data, 8 + 4 * count)
    names = data[8 + 8 * count :]
    return {key: short(names[at : names.index(b"\n", at)].decode()) for key, at in zip(keys, offsets, strict=True)}


def main() -> None:
    """Write the table."""
    found = vendors(importlib.resources.files("aiooui").joinpath("oui.data").read_bytes())
    lines = "".join(f"{key:06x}\t{name}\n" for key, name in sorted(found.items()))
    TABLE.write_bytes(gzip.compress(lines.encode(), 9, mtime=0))
    print(f"{TABLE.name}: {len(found)} vendors")


if __name__ == "__main__":
    main()
