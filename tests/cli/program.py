"""Runs the built program for the command line tests; images and lists are written by hand, with the standard library only."""

import os
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

BUILD = Path(os.environ.get("BIPLANE_BUILD_DIR", "build/release"))
PROGRAM = BUILD / "bin" / "biplane"
DATA = Path(os.environ.get("BIPLANE_TEST_DATA", "../shared/data"))


def grey_png(side=24, value=0):
    """A grey PNG of `side` pixels whose content depends on `value`."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + bytes((x * 7 + y * 3 + value * 31) % 256 for x in range(side)) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="biplane-test-")
        self.folder = Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def run_program(self, *arguments, program=PROGRAM):
        return subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              errors="replace")

    def expect_ok(self, *arguments):
        result = self.run_program(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def expect_error(self, code, wanted, *arguments, program=PROGRAM):
        """The exit code, and exactly one line of error that holds `wanted`."""
        result = self.run_program(*arguments, program=program)
        self.assertEqual(result.returncode, code, f"{arguments}: {result.stderr}")
        errors = [line for line in result.stderr.splitlines() if line.startswith("biplane: error: ")]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertIn(wanted, errors[0])
        return result

    def corpus(self, rows, header="study_id,patient_id,frontal,lateral,report"):
        """A folder with studies.csv and the images a.png to e.png."""
        root = self.folder / "corpus"
        root.mkdir(exist_ok=True)
        for i, name in enumerate("abcde"):
            (root / f"{name}.png").write_bytes(grey_png(value=i))
        (root / "studies.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return root

    def needs_data(self, name):
        path = DATA / name
        if not path.exists():
            if os.environ.get("BIPLANE_REQUIRE_TEST_DATA"):
                self.fail(f"test data is required but missing: {path}")
            self.skipTest(f"no test data: {path}")
        return path
