"""`prepare CORPUS` on phantoms in the layouts of public corpora, on roots that are none, and with options of another corpus."""

import gzip
import json
import os
import shutil
import zipfile

from program import ProgramTest, run_tests

LAYOUTS = ["rsna", "siim", "nih", "covidx", "object-cxr", "chexpert"]


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

    def test_parts_of_several_machines_make_what_one_makes(self):
        root, one, many = self.folder / "nih", self.folder / "one", self.folder / "many"
        self.expect_ok("phantom", "--out", root, "--studies", "30", "--size", "32", "--seed", "5", "--layout", "nih")
        images = sorted((root / "images").glob("*.png"))
        images[3].write_bytes(b"broken")
        self.expect_ok("prepare", "nih", "--root", root, "--out", one)
        for part in (2, 0):  # part 1 is lost
            self.assertEqual(self.expect_ok("prepare", "nih", "--root", root, "--out", many, "--shard", f"{part}/3"), "")
        self.assertFalse((many / "manifest.jsonl").exists())
        records = [json.loads(line) for part in many.glob("part-*-of-3/images.jsonl") for line in part.read_text().splitlines()]
        self.assertTrue(15 <= len(records) <= 22, len(records))
        for record in records:  # what is known is not read again: the images may be gone bad, at the same size and time
            image = root / record["key"]
            status = image.stat()
            image.write_bytes(bytes(status.st_size))
            os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.expect_ok("prepare", "nih", "--root", root, "--out", many)
        for name in ("manifest.jsonl", "funnel.json"):
            self.assertEqual((many / name).read_bytes(), (one / name).read_bytes())
        self.assertEqual(sorted(path.name for path in many.iterdir()), ["funnel.json", "manifest.jsonl"])
        self.expect_error(2, "--shard is '3/3'", "prepare", "nih", "--root", root, "--out", many, "--shard", "3/3")

    def test_an_interrupted_preparation_goes_on(self):
        root, out = self.folder / "nih", self.folder / "out"
        self.expect_ok("phantom", "--out", root, "--studies", "30", "--size", "32", "--seed", "5", "--layout", "nih")
        for image in sorted((root / "images").glob("*.png"))[:20]:
            image.write_bytes(b"broken")
        self.expect_error(65, "bad", "prepare", "nih", "--root", root, "--out", out)
        self.assertEqual([path.name for path in out.glob("part-*")], ["part-0-of-1"])
        self.expect_ok("prepare", "nih", "--root", root, "--out", out, "--max-bad", "1")
        self.assertEqual(list(out.glob("part-*")), [])

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
        for corpus in [*LAYOUTS, "vindr", "mimic", "ms-cxr", "openi", "padchest"]:
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
        for option, owner in (("--views", "openi"), ("--method-label", "padchest")):
            self.expect_error(2, f"{option}: prepare nih has no such option; it is for prepare {owner}",
                              "prepare", "nih", "--root", ".", "--out", "x", option, "RNN")
        self.expect_error(2, "--method-label", "prepare", "padchest", "--root", ".", "--out", "x", "--method-label", "rnn")
        self.expect_error(2, "did you mean '--threads'", "prepare", "nih", "--root", ".", "--out", "x", "--thread", "1")

    def test_a_published_split_is_drawn_or_refused_and_labels_follow_a_policy(self):
        def prepare(corpus, *options):
            return ("prepare", corpus, "--root", self.folder / corpus, "--out", self.folder / "out", *options)

        for corpus in ("siim", "rsna", "chexpert"):
            self.expect_ok("phantom", "--out", self.folder / corpus, "--studies", "60", "--size", "32", "--layout", corpus)
        self.expect_error(1, "--allow-leak mgca takes it nevertheless", *prepare("siim", "--split", "mgca"))
        self.expect_error(2, "rsna has the published splits mgca, mgca-detection", *prepare("rsna", "--split", "mgcaa"))
        self.expect_error(2, "--allow-leak is for --split", *prepare("rsna", "--allow-leak", "mgca"))
        self.expect_error(2, "did you mean 'zeros'", *prepare("chexpert", "--uncertain", "zero"))
        self.expect_error(2, "are not the 14 of CheXpert", *prepare("rsna", "--blank", "zeros"))
        self.assertFalse((self.folder / "out" / "manifest.jsonl").exists())
        self.assertIn("split: mgca", self.expect_ok(*prepare("rsna", "--split", "mgca")))
        splits = [json.loads(line)["split"] for line in (self.folder / "out" / "manifest.jsonl").read_text().splitlines()]
        self.assertEqual(splits, sorted(splits, key=["train", "validate", "test"].index))
        self.assertEqual(set(splits), {"train", "validate", "test"})
        self.expect_error(2, "is the manifest of rsna; choose another --out for siim", *prepare("siim", "--split", "mgca", "--allow-leak", "mgca"))
        shutil.rmtree(self.folder / "out")
        self.expect_ok(*prepare("siim", "--split", "mgca", "--allow-leak", "mgca"))
        self.assertIn("falls apart", json.loads((self.folder / "out" / "funnel.json").read_text())["choices"]["leak allowed"])
        shutil.rmtree(self.folder / "out")
        self.expect_ok(*prepare("chexpert", "--uncertain", "competition", "--blank", "zeros"))
        labels = [json.loads(line)["labels"] for line in (self.folder / "out" / "manifest.jsonl").read_text().splitlines()]
        self.assertTrue(all(len(study) == 14 and study["Edema"] in (0, 1) for study in labels))
        self.expect_error(2, "three different sets are in use", "prepare", "chexpert-5x200", "--root", self.folder / "chexpert",
                          "--out", self.folder / "out-5x200")

    def test_a_tree_without_dicom_and_missing_reports(self):
        (self.folder / "notes.txt").write_text("nothing to see here, and for more than sixteen bytes")
        place = ("--root", self.folder, "--out", self.folder / "out")
        result = self.expect_error(2, "is not the root of dicom: no DICOM file in it", "prepare", "dicom", *place)
        self.assertIn("files of dicom under --root:", result.stderr)
        root = self.folder / "phantom"
        self.expect_ok("phantom", "--out", root, "--studies", "4", "--size", "32", "--seed", "5", "--format", "dicom")
        place = ("--root", root, "--out", self.folder / "out")
        self.expect_error(66, "no such file (--reports)", "prepare", "dicom", *place, "--reports", self.folder / "none.csv")
        self.expect_error(2, "it is for prepare pairs", "prepare", "dicom", *place, "--frontal", "x")
        self.expect_error(2, "name columns of --reports", "prepare", "dicom", *place, "--accession", "x")
        self.expect_error(2, "it is for prepare dicom", "prepare", "nih", *place, "--salt", "x")
        self.expect_ok("prepare", "dicom", *place)
        truth = [json.loads(line) for line in (root / "manifest.jsonl").read_text().splitlines()]
        lines = [json.loads(line) for line in (self.folder / "out" / "manifest.jsonl").read_text().splitlines()]
        views = [sorted((view["sha256"], view["view"]) for study in studies for view in study["views"]) for studies in (truth, lines)]
        self.assertEqual(*views)

    def test_help_has_the_corpora_and_the_files_of_one(self):
        text = self.expect_ok("prepare", "--help")
        for corpus in ("pairs", *LAYOUTS, "vindr", "mimic", "ms-cxr", "openi", "padchest", "chexpert-5x200", "chexpert-plus", "chexlocalize"):
            self.assertIn(f"\n  {corpus} ", text)
        self.assertIn("BBox_List_2017.csv", self.expect_ok("prepare", "nih", "--help"))

    def test_a_missing_column_names_the_nearest(self):
        (self.folder / "train.csv").write_text("image_name,anotation\na.png,\n")
        result = self.expect_error(65, "did you mean 'anotation'", "prepare", "object-cxr", "--root", self.folder, "--out", self.folder / "out")
        self.assertIn("train.csv", result.stderr)
        self.assertFalse((self.folder / "out" / "manifest.jsonl").exists())


if __name__ == "__main__":
    run_tests()
