"""`biplane audit`: bad files, leaks within a manifest and between several, copies of images."""

import json
import os
import shutil

from program import ProgramTest, grey_png, run_tests


class Audit(ProgramTest):
    def manifest(self, studies):
        (self.folder / "x.png").write_bytes(grey_png(value=1))
        (self.folder / "y.png").write_bytes(grey_png(value=2))
        path = self.folder / "manifest.jsonl"
        path.write_text("".join(json.dumps(study) + "\n" for study in studies))
        return path

    @staticmethod
    def study(name, patient, split, image):
        return {"study_id": name, "patient_id": patient, "split": split, "views": [{"path": image, "view": "PA"}],
                "report": {"text": "Text of " + name}}

    def test_a_leak_is_exit_1_and_named(self):
        path = self.manifest([self.study("a", "p", "train", "x.png"), self.study("b", "p", "test", "y.png")])
        result = self.expect_error(1, "patient in two splits", "audit", path)
        self.assertIn("LEAK", result.stdout)
        path = self.manifest([self.study("a", "p", "train", "x.png"), self.study("b", "q", "test", "x.png")])
        self.assertEqual(json.loads(self.expect_error(1, "image in two splits", "audit", path, "--json").stdout)["leaks"], 1)

    def test_bad_files_are_exit_65(self):
        path = self.manifest([self.study("a", "p", "train", "x.png"), self.study("b", "q", "train", "nowhere.png")])
        self.expect_error(65, "nowhere.png", "audit", path)
        self.expect_error(66, "no such file", "audit", self.folder / "nothing.jsonl")

    def test_a_bad_line_is_named(self):
        path = self.manifest([self.study("a", "p", "train", "x.png")])
        path.write_text(path.read_text() + '{"study_id": "b", "split": "dev"}\n')
        self.expect_error(65, "row 2: key split is 'dev'", "audit", path)


class AuditOfSeveral(ProgramTest):
    """Two preparations of the same twelve phantom studies: their images as PNG and, encoded again, as JPEG."""

    def setUp(self):
        super().setUp()
        for name in ("png", "jpeg"):
            self.expect_ok("phantom", "--out", self.folder / name, "--studies", 12, "--size", 96, "--seed", 3, "--format", name,
                           "--test", 0, "--validate", 0)

    def rewrite(self, name, **changes):
        """Keys of every study of a manifest; a function is given the old value."""
        path = self.folder / name / "manifest.jsonl"
        studies = [json.loads(line) for line in path.read_text().splitlines()]
        for study in studies:
            study.update({key: value(study[key]) if callable(value) else value for key, value in changes.items()})
        path.write_text("".join(json.dumps(study) + "\n" for study in studies))
        return len(studies), sum(len(study["views"]) for study in studies)

    def audit(self, *arguments, code=0, wanted="leaks"):
        if code:
            return json.loads(self.expect_error(code, wanted, "audit", "--json", *arguments).stdout)
        return json.loads(self.expect_ok("audit", "--json", *arguments))

    def kinds(self, report):
        return [finding["kind"].split()[0] for finding in report["findings"]]

    def test_copies_in_another_split_of_another_corpus_are_a_leak(self):
        _, images = self.rewrite("jpeg", split="test")
        arguments = [f"ours={self.folder / 'png'}", f"theirs={self.folder / 'jpeg'}"]
        report = self.audit(*arguments, code=1, wanted="copy in two splits")
        self.assertEqual(self.kinds(report), ["copy"] * images)
        self.assertEqual(report["overlaps"], [{"first": "ours", "second": "theirs", "in_both": {"copy": images}}])
        self.assertIn("train of ours and test of theirs", report["findings"][0]["detail"])
        self.assertIn("_frontal.png", report["findings"][0]["detail"])
        report = self.audit(*arguments, "--allow-leak", "copy")
        self.assertEqual((report["leaks"], report["allowed_leaks"], report["clean"]), (0, images, True))
        self.audit(*arguments, "--allow-leak", "patient", code=1)
        table = self.expect_ok("audit", *arguments, "--allow-leak", "copy")
        self.assertIn("ALLOWED LEAK copy in two splits", table)
        self.assertIn(f"in both   ours and theirs: copy {images}\n", table)

    def test_the_same_split_is_no_leak(self):
        report = self.audit(self.folder / "png", self.folder / "jpeg")
        self.assertEqual((report["clean"], report["repeated_copies"]), (True, report["images"] // 2))

    def test_names_are_compared_where_the_corpora_share_them(self):
        studies, _ = self.rewrite("jpeg", split="test")
        arguments = ["--allow-leak", "copy", f"ms-cxr={self.folder / 'jpeg'}"]
        report = self.audit(*arguments, f"mimic={self.folder / 'png'}", code=1, wanted="patient in two splits")
        self.assertEqual(self.kinds(report).count("study"), studies)
        self.assertIn("patient", self.kinds(report))
        self.assertEqual(self.audit(*arguments, f"vindr={self.folder / 'png'}")["leaks"], 0)
        self.assertEqual(self.audit(*arguments, f"ms-cxr={self.folder / 'png'}", code=1)["leaks"], report["leaks"])
        self.assertEqual(self.audit(*arguments, f"mimic={self.folder / 'png'}", "--allow-leak", "patient", "--allow-leak", "study")["leaks"], 0)

    def test_corpora_are_known_by_their_folder_and_what_cannot_be_seen_is_said(self):
        (self.folder / "png").rename(self.folder / "nih")
        (self.folder / "jpeg").rename(self.folder / "rsna")
        report = self.audit(self.folder / "nih", self.folder / "rsna")
        self.assertEqual([manifest["name"] for manifest in report["manifests"]], ["nih", "rsna"])
        self.assertIn("only their images tell", report["notes"][0])
        (self.folder / "rsna").rename(self.folder / "theirs")
        report = self.audit(self.folder / "nih", self.folder / "theirs")
        self.assertIn("its corpus is not known", report["notes"][0])
        self.assertEqual(self.audit(self.folder / "nih")["notes"], [])
        report = self.audit(f"nihh={self.folder / 'nih'}", f"mimic={self.folder / 'theirs'}")
        self.assertIn("'nihh' is not known", report["notes"][0])
        self.assertIn("did you mean 'nih'", report["notes"][0])

    def test_a_copied_file_is_an_image_and_no_copy(self):
        shutil.copytree(self.folder / "png", self.folder / "again")
        _, images = self.rewrite("again", split="test", study_id=lambda name: "x" + name, report={"text": "Another."})
        report = self.audit(f"a={self.folder / 'png'}", f"b={self.folder / 'again'}", code=1, wanted="image in two splits")
        self.assertEqual(self.kinds(report), ["image"] * images)

    def test_parts_of_several_machines_make_one_audit(self):
        self.rewrite("jpeg", split="test")
        arguments = [f"ours={self.folder / 'png'}", f"theirs={self.folder / 'jpeg'}"]
        checks = ["--checks", self.folder / "checks"]
        one = self.audit(*arguments, code=1)
        for part in ("0/2", "1/2"):
            self.assertEqual(self.expect_ok("audit", *arguments, *checks, "--shard", part), "")
        for image in (self.folder / "png").rglob("*.png"):  # is not read again
            status = image.stat()
            image.write_bytes(bytes(status.st_size))
            os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertEqual(self.audit(*arguments, *checks, code=1), one)
        self.assertNotEqual(self.audit(*arguments, code=65, wanted="broken file"), one)
        self.expect_error(2, "--shard: needs --checks", "audit", *arguments, "--shard", "0/2")

    def test_bad_options_are_named(self):
        self.expect_error(2, "did you mean 'copy'", "audit", self.folder / "png", "--allow-leak", "copi")
        self.expect_error(2, "--root", "audit", self.folder / "png", self.folder / "jpeg", "--root", self.folder)
        self.expect_error(66, "nothing", "audit", self.folder / "png", self.folder / "nothing")


if __name__ == "__main__":
    run_tests()
