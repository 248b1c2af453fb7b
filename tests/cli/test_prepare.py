"""`prepare CORPUS` on phantoms in the layouts of public corpora, on roots that are none, and with options of another corpus."""

import json

from program import ProgramTest, run_tests

LAYOUTS = ["rsna", "siim", "nih", "covidx", "object-cxr"]


class PrepareCorpus(ProgramTest):
    def test_a_phantom_in_every_layout_is_prepared_and_audited(self):
        for layout in LAYOUTS:
            with self.subTest(layout):
                root, out = self.folder / layout, self.folder / f"{layout}-prepared"
                self.expect_ok("phantom", "--out", root, "--studies", "30", "--size", "32", "--seed", "5", "--layout", layout)
                table = self.expect_ok("prepare", layout, "--root", root, "--out", out, "--threads", "1")
                self.assertIn("studies complete", table)
                truth = [json.loads(line) for line in (root / "manifest.jsonl").read_text().splitlines()]
                lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
                hashes = {study["views"][0]["sha256"] for study in truth}
                self.assertEqual({study["views"][0]["sha256"] for study in lines}, hashes)
                self.assertTrue(all((out / study["views"][0]["path"]).exists() for study in lines))
                self.assertTrue(all(study["labels"] for study in lines))
                for stage in json.loads((out / "funnel.json").read_text())["stages"]:
                    self.assertEqual(stage["in"], stage["out"] + sum(reason["count"] for reason in stage["reasons"]))
                # Studies without a report are no error: such a corpus has labels only.
                audit = json.loads(self.expect_ok("audit", out / "manifest.jsonl", "--json"))
                self.assertTrue(audit["clean"])
                self.assertEqual(audit["empty_reports"], len(lines))

    def test_a_root_that_is_another_folder_shows_the_files_expected(self):
        for corpus in [*LAYOUTS, "vindr"]:
            result = self.expect_error(2, f"is not the root of {corpus}", "prepare", corpus, "--root", self.folder,
                                       "--out", self.folder / "out")
            self.assertIn(f"files of {corpus} under --root:", result.stderr)
            self.expect_error(66, "no such folder", "prepare", corpus, "--root", self.folder / "nowhere", "--out", self.folder / "out")
        self.assertIn("stage_2_train_labels.csv", self.expect_error(
            2, "rsna", "prepare", "rsna", "--root", self.folder, "--out", self.folder / "out").stderr)
        self.assertFalse((self.folder / "out").exists())

    def test_names_of_corpora_and_options_of_pairs(self):
        self.expect_error(2, "did you mean 'vindr'", "prepare", "vinder", "--root", ".", "--out", "x")
        for option in ("--csv", "--frontal", "--labels"):
            self.expect_error(2, f"{option}: prepare nih has no such option", "prepare", "nih", "--root", ".", "--out", "x", option, "y")
        self.expect_error(2, "did you mean '--threads'", "prepare", "nih", "--root", ".", "--out", "x", "--thread", "1")

    def test_a_tree_without_dicom_and_missing_reports(self):
        (self.folder / "notes.txt").write_text("nothing to see here, and for more than sixteen bytes")
        place = ("--root", self.folder, "--out", self.folder / "out")
        result = self.expect_error(2, "is not the root of dicom: no DICOM file in it", "prepare", "dicom", *place)
        self.assertIn("files of dicom under --root:", result.stderr)
        root = self.folder / "phantom"
        self.expect_ok("phantom", "--out", root, "--studies", "4", "--size", "32", "--seed", "5", "--format", "dicom")
        place = ("--root", root, "--out", self.folder / "out")
        self.expect_error(66, "no such file (--reports)", "prepare", "dicom", *place, "--reports", self.folder / "none.csv")
        self.expect_error(2, "prepare pairs has", "prepare", "dicom", *place, "--frontal", "x")
        self.expect_error(2, "name columns of --reports", "prepare", "dicom", *place, "--accession", "x")
        self.expect_error(2, "prepare dicom has", "prepare", "nih", *place, "--salt", "x")
        self.expect_ok("prepare", "dicom", *place)
        truth = [json.loads(line) for line in (root / "manifest.jsonl").read_text().splitlines()]
        lines = [json.loads(line) for line in (self.folder / "out" / "manifest.jsonl").read_text().splitlines()]
        views = [sorted((view["sha256"], view["view"]) for study in studies for view in study["views"]) for studies in (truth, lines)]
        self.assertEqual(*views)

    def test_help_has_the_corpora_and_the_files_of_one(self):
        text = self.expect_ok("prepare", "--help")
        for corpus in ("pairs", *LAYOUTS, "vindr"):
            self.assertIn(f"\n  {corpus} ", text)
        self.assertIn("BBox_List_2017.csv", self.expect_ok("prepare", "nih", "--help"))

    def test_a_missing_column_names_the_nearest(self):
        (self.folder / "train.csv").write_text("image_name,anotation\na.png,\n")
        result = self.expect_error(65, "did you mean 'anotation'", "prepare", "object-cxr", "--root", self.folder, "--out", self.folder / "out")
        self.assertIn("train.csv", result.stderr)
        self.assertFalse((self.folder / "out" / "manifest.jsonl").exists())


if __name__ == "__main__":
    run_tests()
