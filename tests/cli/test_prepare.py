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

    def test_openi_is_prepared_from_its_tables_and_from_its_xml(self):
        root = self.folder / "openi"
        self.expect_ok("phantom", "--out", root, "--studies", "20", "--size", "32", "--seed", "5", "--layout", "openi")
        prepared = []
        for form in ("tables", "xml"):
            out = self.folder / form
            self.expect_ok("prepare", "openi", "--root", root, "--out", out, "--threads", "1")
            self.expect_ok("audit", out, "--json")
            prepared.append([json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()])
            (root / "indiana_reports.csv").unlink(missing_ok=True)
        tables, xml = ({study["study_id"]: study for study in form} for form in prepared)
        self.assertEqual(tables.keys(), xml.keys())
        for name, study in tables.items():
            for key in ("report", "labels", "labels_chexpert", "split"):
                self.assertEqual(study[key], xml[name][key])
            self.assertEqual([view["view"] for view in study["views"]], [view["view"] for view in xml[name]["views"]])
        views = self.folder / "views.csv"
        views.write_text("".join(["image_id,view\n", *(f"{view['path'].rsplit('/')[-1]},L\n" for study in xml.values() for view in study["views"])]))
        self.expect_ok("prepare", "openi", "--root", root, "--out", self.folder / "by-hand", "--views", views)
        lines = (self.folder / "by-hand" / "manifest.jsonl").read_text()
        self.assertEqual(lines.count('"view":"LATERAL"'), sum(len(study["views"]) for study in xml.values()))
        self.expect_error(66, "nowhere.csv", "prepare", "openi", "--root", root, "--out", self.folder / "none", "--views", "nowhere.csv")

    def test_spanish_reports_are_not_labelled_by_english_rules(self):
        root, out = self.folder / "padchest", self.folder / "prepared"
        self.expect_ok("phantom", "--out", root, "--studies", "10", "--size", "32", "--layout", "nih")
        names = sorted(path.name for path in (root / "images").iterdir())
        columns = ("ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,Projection,Report,MethodLabel,Labels")
        rows = [f"{name},0,20140915,s{i},p{i},1950.0,F,PA,sin hallazgos .,{'Physician' if i < 4 else 'RNN'},\"['normal']\"" for i, name in enumerate(names)]
        (root / "PADCHEST_labels.csv").write_text("\n".join([columns, *rows]) + "\n")
        self.expect_ok("prepare", "padchest", "--root", root, "--out", out, "--method-label", "Physician")
        self.assertEqual((out / "manifest.jsonl").read_text().count('"label_source":"Physician"'), 4)
        self.expect_error(2, "is in 'es'", "label", "--manifest", out, "--out", self.folder / "labelled.jsonl")
        self.assertFalse((self.folder / "labelled.jsonl").exists())

    def test_a_root_that_is_another_folder_shows_the_files_expected(self):
        for corpus in [*LAYOUTS, "vindr", "openi", "padchest"]:
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
        for option, owner in (("--views", "openi"), ("--method-label", "padchest")):
            self.expect_error(2, f"{option}: prepare nih has no such option, prepare {owner} has",
                              "prepare", "nih", "--root", ".", "--out", "x", option, "RNN")
        self.expect_error(2, "--method-label", "prepare", "padchest", "--root", ".", "--out", "x", "--method-label", "rnn")
        self.expect_error(2, "did you mean '--threads'", "prepare", "nih", "--root", ".", "--out", "x", "--thread", "1")

    def test_help_has_the_corpora_and_the_files_of_one(self):
        text = self.expect_ok("prepare", "--help")
        for corpus in ("pairs", *LAYOUTS, "vindr", "openi", "padchest"):
            self.assertIn(f"\n  {corpus} ", text)
        self.assertIn("BBox_List_2017.csv", self.expect_ok("prepare", "nih", "--help"))

    def test_a_missing_column_names_the_nearest(self):
        (self.folder / "train.csv").write_text("image_name,anotation\na.png,\n")
        result = self.expect_error(65, "did you mean 'anotation'", "prepare", "object-cxr", "--root", self.folder, "--out", self.folder / "out")
        self.assertIn("train.csv", result.stderr)
        self.assertFalse((self.folder / "out" / "manifest.jsonl").exists())


if __name__ == "__main__":
    run_tests()
