"""What users seldom do and programs often get wrong: outputs that are links or pipes, numbers out of range, full disks."""

import os
import re
from pathlib import Path

from program import PROGRAM, ProgramTest, run_tests


class Outputs(ProgramTest):
    ROWS = ["s1,p1,a.png,,No pneumothorax."]

    def csv_command(self, out):
        return ["label", "--csv", self.corpus(self.ROWS) / "studies.csv", "--id", "study_id", "--out", out]

    def manifest_command(self, out):
        self.expect_ok("prepare", "pairs", "--root", self.corpus(self.ROWS), "--out", self.folder / "prepared")
        return ["label", "--manifest", self.folder / "prepared", "--out", out]

    def test_a_link_stays_and_its_target_is_replaced(self):
        target, link = self.folder / "target", self.folder / "link"
        link.symlink_to("target")
        for command in (self.csv_command, self.manifest_command):
            target.write_text("old")
            self.expect_ok(*command(link))
            self.assertTrue(link.is_symlink())
            self.assertIn("s1", target.read_text())

    def test_a_pipe_gets_the_content_and_stays(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            for command in (self.csv_command, self.manifest_command):
                self.expect_ok(*command(pipe))
                self.assertTrue(pipe.is_fifo())
                self.assertIn(b"s1", os.read(reader, 1 << 16))
        finally:
            os.close(reader)


class Labels(ProgramTest):
    def test_the_documented_label_file_is_one(self):
        example = re.search(r"```yaml\n(extends.*?)```", Path("docs/labels.md").read_text(encoding="utf-8"), re.S).group(1)
        mine = self.folder / "mine.yaml"
        mine.write_text(example, encoding="utf-8")
        text = self.expect_ok("label", "--labels", mine, "--text", "A thick walled ring. No cavitation. Scoliosis.")
        self.assertRegex(text, r"cavity +1 +present")
        self.assertIn("thick walled ring", text)

    def test_what_a_label_file_stands_on_must_be_beside_it_or_come_with_the_program(self):
        mine = self.folder / "mine.yaml"
        for base in ("none.yaml", "../labels/english.yaml"):
            mine.write_text(f"extends: {base}\n")
            self.expect_error(66, base, "label", "--labels", mine, "--text", "x")


class Refused(ProgramTest):
    def test_negative_counts_and_seeds(self):
        prepare = ["prepare", "pairs", "--root", self.corpus(["s1,p1,a.png,,Clear."]), "--out", self.folder / "prepared"]
        self.expect_error(2, "--threads", *prepare, "--threads", "-1")
        self.expect_error(2, "--seed", *prepare, "--seed", "-1")
        self.assertFalse((self.folder / "prepared").exists())
        self.expect_error(2, "--threads", "label", "--text", "Clear.", "--threads", "-1")
        self.expect_ok(*prepare, "--seed", "18446744073709551615")
        self.expect_error(2, "--threads", "audit", self.folder / "prepared", "--threads", "-1")

    def test_splits_whose_sum_is_no_integer(self):
        most = 2**63 - 1
        self.expect_error(2, "at most the number of studies", "phantom", "--out", self.folder / "phantom", "--test", most,
                          "--validate", most)
        self.assertFalse((self.folder / "phantom").exists())

    def test_a_phantom_on_a_full_disk_names_file_and_cause(self):
        script = 'mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"'
        result = self.run_mounted(script, self.folder / "mount", PROGRAM, "phantom", "--out", self.folder / "mount", "--studies", 40,
                                  "--size", 128)
        self.assertRegex(self.check_error(74, "No space left", result).stderr, r"mount/.*\.(jpg|png): ")


if __name__ == "__main__":
    run_tests()
