"""torch.save and TorchScript files that are the same bytes every time."""
import pickle
import struct
import sys
import tempfile
import zipfile
from pathlib import Path

import torch

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


def save_zip(value, path):
    torch.save(value, path)


def save_legacy(value, path):
    """The format before torch 1.6 (a row of pickles, then the storages). torch still writes it, but
    names storages by their address; here they are counted."""
    keys, storages = {}, []

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if not isinstance(item, torch.storage.TypedStorage):
                return None
            key = keys.setdefault(item._untyped_storage.data_ptr(), f"{len(keys):04d}")
            if len(storages) < len(keys):
                storages.append(item)
            kind = getattr(torch, item._pickle_storage_type())
            return ("storage", kind, key, "cpu", item._size(), None)

    sizes = {"short": 2, "int": 4, "long": 4}
    with open(path, "wb") as file:
        pickle.dump(LEGACY_MAGIC, file, protocol=2)
        pickle.dump(LEGACY_PROTOCOL, file, protocol=2)
        pickle.dump({"protocol_version": LEGACY_PROTOCOL,
                     "little_endian": sys.byteorder == "little", "type_sizes": sizes}, file,
                    protocol=2)
        Pickler(file, protocol=2).dump(value)
        pickle.dump([f"{i:04d}" for i in range(len(storages))], file, protocol=2)
        for storage in storages:
            file.write(struct.pack("<q", storage._size()))
            file.write(bytes(storage._untyped_storage))


def save_script(module, path):
    """A TorchScript archive without its debug records and its number, which depend on where torch
    lies on this machine. The other records keep torch's compression and alignment."""
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / Path(path).name
        torch.jit.save(module, str(whole))
        data = whole.read_bytes()
        with zipfile.ZipFile(whole) as archive:
            entries = [entry for entry in archive.infolist()
                       if not entry.filename.endswith((".debug_pkl", "/serialization_id"))]
    Path(path).write_bytes(zip_of(entries, data))


def zip_of(entries, data):
    """A zip archive of those entries of the archive `data`, with their bytes as they are."""
    local, central = bytearray(), bytearray()
    for entry in entries:
        name, offset = entry.filename.encode(), len(local)
        padding = -(offset + 30 + len(name) + 4) % 64
        extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        # Version, flags, method, time and date (1980), then sizes.
        common = (20, 0, entry.compress_type, 0, 0x21, entry.CRC, entry.compress_size,
                  entry.file_size, len(name))
        start = entry.header_offset + 30 + sum(
            struct.unpack_from("<HH", data, entry.header_offset + 26))
        local += struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *common, len(extra)) + name + extra
        local += data[start:start + entry.compress_size]
        central += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, *common, 0, 0, 0, 0, 0, offset)
        central += name
    return local + central + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(entries), len(entries),
                                         len(central), len(local), 0)
