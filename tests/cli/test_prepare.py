"""`prepare CORPUS` on phantoms in the layouts of public corpora, on roots that are none, and with options of another corpus."""

import gzip
import json
import shutil
import zipfile

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

    def test_mimic_packed_or_not_gives_the_same_manifest(self):
        root = self.folder / "mimic"
        self.expect_ok("phantom", "--out", root, "--studies", "40", "--size", "32", "--seed", "5", "--layout", "mimic")

        def prepared(*options):
            out = self.folder / "out"
            self.expect_ok("prepare", "mimic", "--root", root, "--out", out, *options)
            return (out / "manifest.jsonl").read_text().replace(".csv.gz", ".csv")  # the source's name

        first = prepared("--threads", "1")
        studies = [json.loads(line) for line in first.splitlines()]
        self.assertEqual(len(studies), 40)
        self.assertTrue(all(study["report"]["text"] for study in studies))
        for table in root.glob("*.csv.gz"):
            table.with_suffix("").write_bytes(gzip.decompress(table.read_bytes()))
            table.unlink()
        with zipfile.ZipFile(self.folder / "reports.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for report in sorted(root.glob("files/p*/p*/s*.txt")):
                archive.write(report, report.relative_to(root))
                report.unlink()
        self.assertEqual(prepared("--threads", "2", "--reports", self.folder / "reports.zip"), first)
        shutil.move(self.folder / "reports.zip", root / "mimic-cxr-reports.zip")
        self.assertEqual(prepared(), first)
        both = [json.loads(line) for line in prepared("--pairing", "both", "--images", "header").splitlines()]
        self.assertTrue(all([view["view"] for view in study["views"]] in (["PA", "LATERAL"], ["AP", "LATERAL"]) for study in both))
        shutil.rmtree(root / "files")
        listed = [json.loads(line) for line in prepared("--images", "listed").splitlines()]
        self.assertEqual([study["study_id"] for study in listed], [study["study_id"] for study in studies])
        self.assertEqual(listed[0]["views"][0]["rows"], 32)

    def test_a_root_that_is_another_folder_shows_the_files_expected(self):
        for corpus in [*LAYOUTS, "vindr", "mimic", "ms-cxr"]:
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
        for option in ("--reports", "--labels-from"):
            self.expect_error(2, f"{option}: prepare nih has no such option; it is for prepare mimic", "prepare", "nih", "--root", ".",
                              "--out", "x", option, "y")
        self.expect_error(2, "did you mean 'first'", "prepare", "nih", "--root", ".", "--out", "x", "--pairing", "frist")
        self.expect_error(2, "did you mean 'header'", "prepare", "nih", "--root", ".", "--out", "x", "--images", "headers")
        self.expect_error(2, "did you mean '--threads'", "prepare", "nih", "--root", ".", "--out", "x", "--thread", "1")

    def test_help_has_the_corpora_and_the_files_of_one(self):
        text = self.expect_ok("prepare", "--help")
        for corpus in ("pairs", *LAYOUTS, "vindr", "mimic", "ms-cxr"):
            self.assertIn(f"\n  {corpus} ", text)
        self.assertIn("BBox_List_2017.csv", self.expect_ok("prepare", "nih", "--help"))

    def test_a_missing_column_names_the_nearest(self):
        (self.folder / "train.csv").write_text("image_name,anotation\na.png,\n")
        result = self.expect_error(65, "did you mean 'anotation'", "prepare", "object-cxr", "--root", self.folder, "--out", self.folder / "out")
        self.assertIn("train.csv", result.stderr)
        self.assertFalse((self.folder / "out" / "manifest.jsonl").exists())


if __name__ == "__main__":
    run_tests()
