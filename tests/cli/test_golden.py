"""The program on the real and golden data of BIPLANE_TEST_DATA: images and DICOM files through info, real studies through prepare."""

import csv
import json

from program import ProgramTest, run_tests


class Prepare(ProgramTest):
    def test_real_studies(self):
        root = self.needs_data("cxr/studies.csv").parent
        out = self.folder / "out"
        self.expect_ok("prepare", "pairs", "--root", root, "--out", out)
        with open(root / "studies.csv", newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["report"].strip()]
        info = json.loads(self.expect_ok("info", out, "--json"))
        self.assertEqual(info["studies"], len({row["study_id"] for row in rows}))
        self.assertEqual(info["patients"], len({row["patient_id"] for row in rows}))
        self.assertEqual(info["two_view_studies"], len({row["study_id"] for row in rows if row["lateral"]}))
        self.assertEqual(info["images"], len({row["frontal"] for row in rows} | {row["lateral"] for row in rows} - {""}))
        self.expect_ok("audit", out)


    def test_real_dicom_files_as_an_export(self):
        # Seventeen files of six SOPInstanceUIDs in three studies; of these images one is made of another one that is there, and two of
        # the same source that is not.
        root, out = self.needs_data("dicom/index.csv").parent, self.folder / "out"
        self.expect_ok("prepare", "dicom", "--root", root, "--out", out, "--salt", "s")
        stages = {stage["stage"]: stage for stage in json.loads((out / "funnel.json").read_text())["stages"]}
        self.assertEqual((stages["files found"]["in"], stages["files found"]["out"]), (18, 17))
        self.assertEqual([(reason["reason"], reason["count"]) for reason in stages["images told apart"]["reasons"]],
                         [("repeated image: same SOPInstanceUID", 11), ("another form of an image of its study", 2)])
        lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
        self.assertEqual(sorted(len(study["views"]) for study in lines), [1, 1, 2])
        self.assertEqual({view["view"] for study in lines for view in study["views"]}, {"PA"})
        self.expect_ok("audit", out)


class Info(ProgramTest):
    def test_every_golden_image_is_read_or_refused_with_one_line(self):
        index = self.needs_data("golden/image/index.json")
        for entry in json.loads(index.read_text()):
            path = index.parent / entry["file"]
            expected = entry.get("expected", entry.get("expect"))
            with self.subTest(file=entry["file"]):
                result = self.run_program("info", path, "--json")
                self.assertIn(result.returncode, {"image": [0], "error": [65], "either": [0, 65]}[expected], result.stderr)
                if result.returncode == 65:
                    self.assertEqual(len(result.stderr.splitlines()), 1)
                    self.assertIn(path.name, result.stderr)
                elif expected == "image":
                    info = json.loads(result.stdout)
                    self.assertEqual((info["rows"], info["cols"]), (entry["rows"], entry["cols"]))
                    self.assertAlmostEqual(info["mean_grey"], entry["mean_grey"], delta=entry.get("tolerance", 1))

    def test_dicom_columns(self):
        index = self.needs_data("dicom/index.csv")
        with open(index, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            with self.subTest(file=row["file"]):
                result = self.run_program("info", index.parent.parent / row["file"], "--json")
                info = json.loads(result.stdout)
                for column in ("modality", "body", "view", "photometric", "ts_uid", "ts_name"):
                    self.assertEqual(info[column] or "", row[column], column)
                for column in ("bytes", "rows", "cols", "bits_alloc", "bits_stored", "pixrep", "wc", "ww"):
                    self.assertAlmostEqual(float(info[column] or 0), float(row[column] or 0), places=3, msg=column)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(info["note"] or "", row["note"])
                self.assertEqual(info["lossless"], row["lossless"])
                self.assertEqual(info["display_rule"], row["display_rule"])
                if row["lossless"] == "yes":
                    self.assertEqual(info["stored_md5"], row["stored_md5"])
                tolerance = 2e-3 if row["lossless"] == "yes" else 1e-2
                self.assertAlmostEqual(info["stored_mean"] / float(row["stored_mean"]), 1, delta=1e-3)
                for column in ("display_mean", "display_std"):
                    self.assertAlmostEqual(info[column], float(row[column]), delta=tolerance, msg=column)


if __name__ == "__main__":
    run_tests()
