"""Runs the built program for the command line tests; images and lists are written by hand, with the standard library only."""

import ast
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

BUILD = Path(os.environ.get("BIPLANE_BUILD_DIR", "build/release"))
PROGRAM = BUILD / "bin" / "biplane"
DATA = Path(os.environ.get("BIPLANE_TEST_DATA", "../shared/data"))
SKIPPED = 77  # exit code that ctest shows as skipped
NAMESPACE = ["unshare", "--mount", "--map-root-user", "sh", "-c"]  # a shell that may mount


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
        """Runs the program: the exit code, and exactly one line of error that holds `wanted`."""
        return self.check_error(code, wanted, self.run_program(*arguments, program=program))

    def check_error(self, code, wanted, result):
        self.assertEqual(result.returncode, code, f"{result.args}: {result.stderr}")
        errors = [line for line in result.stderr.splitlines() if line.startswith("biplane: error: ")]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertIn(wanted, errors[0])
        return result

    def run_mounted(self, script, *arguments):
        """Runs a shell script that may mount, with its arguments as $1, $2 and so on; skips where mounting is not allowed."""
        point = self.folder / "mount"
        point.mkdir(exist_ok=True)
        try:
            probe = subprocess.run([*NAMESPACE, 'mount -t tmpfs none "$1"', "sh", str(point)], capture_output=True, timeout=30)
        except FileNotFoundError:
            self.skipTest("no unshare here")
        if probe.returncode != 0:
            self.skipTest("mounting in a namespace is not allowed here")
        return subprocess.run([*NAMESPACE, script, "sh", *map(str, arguments)], capture_output=True, text=True, timeout=120)

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


def check_names_once(tree):
    """A class or a test of a name that was there before takes its place, and the earlier one never runs."""
    for scope in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        names = [node.name for node in scope.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            sys.exit(f"{sys.argv[0]}: defined twice: {', '.join(twice)}")


def run_tests():
    """Runs the tests of a file. Tests that all skip must not look like tests that passed."""
    check_names_once(ast.parse(Path(sys.argv[0]).read_text(encoding="utf-8")))
    result = unittest.main(verbosity=2, exit=False).result
    all_skipped = result.testsRun > 0 and len(result.skipped) == result.testsRun
    sys.exit(1 if not result.wasSuccessful() else SKIPPED if all_skipped else 0)
