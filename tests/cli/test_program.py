"""The program as users and other programs meet it: help, verbs, exit codes, prepare, info."""

import json
import os
import re
import shutil
import subprocess

from program import BUILD, PROGRAM, ProgramTest, grey_png, run_tests

ROWS = ["s1,p1,a.png,b.png,Small left effusion.", "s2,p2,c.png,,No effusion.", "s3,p3,d.png,e.png,Clear lungs."]


class Verbs(ProgramTest):
    def test_help_lists_the_verbs_and_each_has_its_own(self):
        text = self.expect_ok("--help")
        for verb in ("demo", "phantom", "prepare", "label", "audit", "pack", "import", "pretrain", "finetune", "evaluate", "ablate", "explain", "info"):
            self.assertIn(f"\n  {verb} ", text)
        for verb in ("phantom", "prepare", "label", "audit", "pack", "info"):
            self.assertIn("example", self.expect_ok(verb, "--help"))
            self.assertEqual(self.expect_ok("help", verb), self.expect_ok(verb, "--help"))
        self.assertRegex(self.expect_ok("--version"), r"^biplane \d+\.\d+\.\d+\n$")

    def test_unknown_verbs_and_options_name_the_nearest(self):
        self.expect_error(2, "did you mean 'prepare'", "prepar")
        self.expect_error(2, "unknown verb 'zzzzzzzz'", "zzzzzzzz")
        self.expect_error(2, "verb is missing")
        self.expect_error(2, "did you mean '--threads'", "audit", "x", "--thread=3")
        self.expect_error(2, "--out", "phantom", "--studies", "3")
        self.expect_error(2, "--studies", "phantom", "--out", self.folder / "x", "--studies", "many")
        self.expect_error(2, "unknown corpus 'pears'", "prepare", "pears", "--root", ".", "--out", "x")

    def test_empty_values_are_named_and_nothing_steers_the_terminal(self):
        self.expect_error(2, "--root: the value must not be empty", "prepare", "pairs", "--root", "", "--out", "x")
        result = self.expect_error(66, "no such file", "info", "a\x1b[31m\x07\rb")
        self.assertNotRegex(result.stderr, r"[\x00-\x09\x0b-\x1f]")

    def test_a_phantom_is_made_again_but_never_over_another(self):
        command = ["phantom", "--out", self.folder / "phantom", "--studies", 6, "--size", 32]
        self.expect_ok(*command)
        manifest = (self.folder / "phantom" / "manifest.jsonl").read_bytes()
        self.expect_error(2, "made otherwise", *command[:-1], 48)
        self.expect_ok(*command, "--threads", 1)
        self.assertEqual((self.folder / "phantom" / "manifest.jsonl").read_bytes(), manifest)
        (self.folder / "phantom" / "phantom.yaml").unlink()
        self.expect_error(2, "made otherwise", *command)

    def test_the_standard_library_is_searched_before_libtorch(self):
        """LibTorch exports a std::filesystem of its own; that of a CUDA wheel crashes in a program of another compiler."""
        model_program = BUILD / "libexec" / "biplane" / "biplane_model"
        if not model_program.exists():
            self.skipTest("built without LibTorch")
        dynamic = subprocess.run(["readelf", "-d", model_program], capture_output=True, text=True, check=True).stdout
        needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
        places = {name: next(i for i, library in enumerate(needed) if library.startswith(name)) for name in ("libstdc++", "libtorch")}
        self.assertLess(places["libstdc++"], places["libtorch"])

    def test_a_verb_that_needs_tensors_is_another_program_in_the_same_process(self):
        (self.folder / "bin").mkdir()
        program = self.folder / "bin" / "biplane"
        shutil.copy(PROGRAM, program)
        self.expect_error(1, "biplane_model, which is not there", "pretrain", "--config", "x", program=program)
        other = self.folder / "libexec" / "biplane" / "biplane_model"
        other.parent.mkdir(parents=True)
        other.write_text("#!/bin/sh\necho $$ \"$@\"\nexit 75\n")
        self.expect_error(1, "cannot be started", "pretrain", program=program)
        other.chmod(0o755)
        process = subprocess.Popen([program, "pretrain", "--set", "a b=c"], stdout=subprocess.PIPE, text=True)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)
        self.assertEqual(output, f"{process.pid} pretrain --set a b=c\n")


class Label(ProgramTest):
    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_prints_the_mentions_of_one_report(self):
        report = "No pneumothorax. Possible left effusion."
        table = self.expect_ok("label", "--text", report)
        self.assertRegex(table, r"Pneumothorax +absent +1 +pneumothorax +no\n")
        self.assertRegex(table, r"Pleural Effusion +uncertain +2 +effusion +possible\n")
        document = json.loads(self.expect_ok("label", "--text", report, "--labels", "phantom", "--json"))
        self.assertEqual(document["labels"], {"pleural_effusion": -1, "pneumothorax": 0})
        self.assertEqual(document["mentions"][1]["trigger"], "possible")

    def test_labels_a_csv_and_compares_it_with_a_reference(self):
        reports = self.file("r.csv", "id,report\na,Small effusion.\nb,No effusion.\nc,\n")
        out = self.folder / "labels.csv"
        self.assertIn("no report", self.expect_ok("label", "--csv", reports, "--out", out))
        lines = out.read_text().splitlines()
        self.assertEqual(lines[0].split(",")[:2], ["id", "Enlarged Cardiomediastinum"])
        self.assertEqual([line.count("1") for line in lines[1:]], [1, 1, 0])
        document = json.loads(self.expect_ok("label", "--csv", reports, "--compare", out, "--json"))
        self.assertEqual(document["reports"], 3)
        self.assertEqual([row["f1"] for row in document["labels"] if row["label"] == "Pleural Effusion"], [1.0])
        wrong = self.file("w.csv", "id,Pleural Effusion\na,0\nb,1\n")
        self.assertRegex(self.expect_ok("label", "--csv", reports, "--compare", wrong), r"Pleural Effusion +1 +0.000 +0.000")

    def test_fills_the_labels_of_a_manifest(self):
        root = self.corpus(ROWS)
        out = self.folder / "out"
        self.expect_ok("prepare", "pairs", "--root", root, "--out", out)
        self.expect_ok("label", "--manifest", out, "--out", out / "labelled.jsonl")
        labels = [json.loads(line)["labels_chexpert"].get("Pleural Effusion")
                  for line in (out / "labelled.jsonl").read_text().splitlines()]
        self.assertEqual(labels, [1, 0, None])

    def test_names_the_cause_of_bad_input(self):
        reports = self.file("r.csv", "id,report\na,x\nb\n")
        self.expect_error(2, "--out or --compare is missing", "label", "--csv", reports)
        self.expect_error(2, "need --csv or --manifest", "label", "--text", "x", "--out", "y")
        self.expect_error(2, "did you mean", "label", "--csv", reports, "--column", "reprt", "--out", "y")
        self.expect_error(2, "--max-bad", "label", "--csv", reports, "--out", "y", "--max-bad", "2")
        self.expect_error(65, "r.csv row 2", "label", "--csv", reports, "--out", self.folder / "y.csv")
        self.assertFalse((self.folder / "y.csv").exists())
        self.expect_error(66, "nowhere.csv", "label", "--csv", self.folder / "nowhere.csv", "--out", "y")
        self.expect_error(66, "mine.yaml", "label", "--text", "x", "--labels", self.folder / "mine.yaml")
        mine = self.file("mine.yaml", "name: x\nlabels:\n  - {name: a, present: [x-ray]}\n")
        self.expect_error(65, "labels.0.present: phrase 'x-ray'", "label", "--text", "x", "--labels", mine)


class PhantomOptions(ProgramTest):
    def phantom(self, *more):
        return ["phantom", "--out", self.folder / "out", "--studies", "12", "--test", "6", "--size", "32", *more]

    def test_options_change_what_test_studies_alone_show(self):
        page = self.folder / "sheet.html"
        text = self.expect_ok(*self.phantom("--counterfactual", "--hold-out", "mass,tube", "--hold-out-styles", "film",
                                            "--missing", "biased", "--co-occurrence", "clinical", "--preview", page))
        self.assertIn("counterfactual studies", text)
        self.assertIn("data:image/", page.read_text())
        rows = [json.loads(line) for line in (self.folder / "out" / "counterfactual.jsonl").read_text().splitlines()]
        for row in rows:
            self.assertEqual(row["labels"][row["counterfactual"]["removed"]], 0)
            self.assertTrue((self.folder / "out" / row["views"][0]["path"]).exists())
        self.assertIn("clean", self.expect_ok("audit", self.folder / "out" / "counterfactual.jsonl"))

    def test_bad_options_name_the_nearest(self):
        self.expect_error(2, "did you mean 'nodule'", *self.phantom("--hold-out", "noduel"))
        self.expect_error(2, "did you mean 'film'", *self.phantom("--hold-out-styles", "flim"))
        self.expect_error(2, "independent or biased", *self.phantom("--missing", "bias"))
        self.expect_error(2, ".png or .html", *self.phantom("--preview", self.folder / "sheet.gif"))
        self.assertFalse((self.folder / "out").exists())


class Prepare(ProgramTest):
    def prepare(self, root, *more):
        return ["prepare", "pairs", "--root", root, "--out", self.folder / "out", *more]

    def test_writes_a_manifest_that_audit_and_info_read(self):
        out = self.folder / "out"
        self.assertIn("studies complete", self.expect_ok(*self.prepare(self.corpus(ROWS))))
        lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
        self.assertEqual([line["study_id"] for line in lines], ["s1", "s2", "s3"])
        self.assertTrue((out / lines[0]["views"][0]["path"]).exists())
        funnel = json.loads((out / "funnel.json").read_text())
        for stage in funnel["stages"]:
            self.assertEqual(stage["in"], stage["out"] + sum(reason["count"] for reason in stage["reasons"]))
        self.assertIn("clean", self.expect_ok("audit", out / "manifest.jsonl"))
        info = json.loads(self.expect_ok("info", out, "--json"))
        self.assertEqual((info["kind"], info["studies"], info["two_view_studies"]), ("manifest", 3, 2))
        before = (out / "manifest.jsonl").read_bytes()
        self.expect_ok(*self.prepare(self.corpus(ROWS), "--threads", "1"))
        self.assertEqual(before, (out / "manifest.jsonl").read_bytes())

    def test_names_the_cause_of_bad_input(self):
        root = self.corpus(ROWS)
        self.expect_error(66, "no such folder", *self.prepare(self.folder / "nowhere"))
        self.expect_error(66, "nolist.csv", *self.prepare(root, "--csv", root / "nolist.csv"))
        self.expect_error(2, "'report'", *self.prepare(root, "--report", "reprt"))
        (root / "empty.csv").write_bytes(b"")
        self.expect_error(65, "empty.csv", *self.prepare(root, "--csv", root / "empty.csv"))
        (root / "other.csv").write_text("study_id,image\ns1,a.png\n")
        self.expect_error(65, "frontal", *self.prepare(root, "--csv", root / "other.csv"))
        self.assertEqual(list((self.folder / "out").iterdir()), [])  # nothing half-written is left

    def test_broken_images_are_counted_up_to_max_bad(self):
        root = self.corpus(ROWS)
        (root / "c.png").write_text("this is text")
        result = self.expect_error(65, "--max-bad", *self.prepare(root))
        self.assertIn("c.png", result.stderr)
        self.assertFalse((self.folder / "out" / "manifest.jsonl").exists())
        self.assertTrue((self.folder / "out" / "funnel.json").exists())
        self.expect_ok(*self.prepare(root, "--max-bad", "0.5"))
        self.assertEqual(len((self.folder / "out" / "manifest.jsonl").read_text().splitlines()), 2)

    def test_empty_reports_are_dropped_and_counted(self):
        root = self.corpus([*ROWS, "s4,p4,a.png,,", "s5,p5,b.png,,___"])
        funnel = json.loads(self.expect_ok(*self.prepare(root, "--json")))
        self.assertEqual(funnel["stages"][2]["reasons"][0]["reason"], "empty report")
        self.assertEqual(funnel["stages"][2]["reasons"][0]["count"], 2)
        self.expect_error(65, "no study", *self.prepare(self.corpus(["s4,p4,a.png,,"])))

    def test_a_folder_that_cannot_be_written_is_an_io_error(self):
        self.expect_error(74, "/proc/biplane", "prepare", "pairs", "--root", self.corpus(ROWS), "--out", "/proc/biplane")

    def test_a_read_only_mount_is_an_io_error(self):
        target = self.folder / "out"
        target.mkdir()
        script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
        self.check_error(74, "Read-only", self.run_mounted(script, target, PROGRAM, *self.prepare(self.corpus(ROWS))))


class Phantom(ProgramTest):
    def files(self, folder):
        return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    def make(self, name, *more, seed=5):
        out = self.folder / name
        self.expect_ok("phantom", "--out", out, "--studies", 12, "--size", 64, "--seed", seed, *more)
        return out

    def test_files_do_not_depend_on_threads(self):
        one = self.files(self.make("one", "--threads", 1))
        self.assertEqual(one, self.files(self.make("four", "--threads", 4)))
        self.assertNotEqual(one, self.files(self.make("other", seed=6)))

    def peak_memory(self, studies):
        """Highest resident memory in KiB while so many studies are written."""
        program = subprocess.Popen([str(PROGRAM), "phantom", "--out", str(self.folder / f"of-{studies}"), "--studies", str(studies), "--size", "32",
                                    "--threads", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(program.returncode, 0)
        return usage.ru_maxrss

    def test_ten_times_the_studies_need_no_more_memory(self):
        self.assertLess(self.peak_memory(1000), 1.1 * self.peak_memory(100))

    def test_makes_a_corpus_that_audit_accepts_and_prepare_reads(self):
        out = self.make("pairs", "--layout", "pairs", "--test", 4, "--validate", 2, "--preview", self.folder / "preview.png")
        self.assertIn("clean", self.expect_ok("audit", out))
        info = json.loads(self.expect_ok("info", out, "--json"))
        self.assertEqual(info["splits"], {"test": 4, "train": 6, "validate": 2})
        self.expect_ok("prepare", "pairs", "--root", out, "--out", self.folder / "prepared")
        self.assertEqual(json.loads(self.expect_ok("info", self.folder / "prepared", "--json"))["images"], info["images"])
        self.assertEqual(json.loads(self.expect_ok("info", self.folder / "preview.png", "--json"))["format"], "png")

    def test_bad_options_are_named(self):
        self.expect_error(2, "size", "phantom", "--out", self.folder / "x", "--size", 7)
        self.expect_error(2, "layout", "phantom", "--out", self.folder / "x", "--layout", "mimik")
        self.expect_error(74, "/proc/biplane", "phantom", "--out", "/proc/biplane", "--studies", 4, "--size", 32)


class Info(ProgramTest):
    def test_images(self):
        path = self.folder / "picture.dat"
        path.write_bytes(grey_png(side=30))
        info = json.loads(self.expect_ok("info", path, "--json"))
        self.assertEqual((info["kind"], info["format"], info["rows"], info["bit_depth"]), ("image", "png", 30, 8))
        self.assertIn("png", self.expect_ok("info", path))

    def test_what_is_no_image(self):
        (self.folder / "text.png").write_text("just text")
        (self.folder / "empty.png").write_bytes(b"")
        self.expect_error(65, "text.png", "info", self.folder / "text.png")
        self.expect_error(65, "empty.png", "info", self.folder / "empty.png")
        self.expect_error(66, "no such file", "info", self.folder / "nothing.png")
        self.expect_error(2, "this folder is no", "info", self.folder)

    def test_damaged_models_are_named(self):
        model = self.folder / "model"
        model.mkdir()
        header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
        (model / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
        (model / "config.json").write_text('{"width": 2}')
        self.expect_error(65, "SHA256SUMS", "info", model)
        sums = subprocess.run(["sha256sum", "config.json", "model.safetensors"], cwd=model, capture_output=True, text=True)
        (model / "SHA256SUMS").write_text(sums.stdout)
        info = json.loads(self.expect_ok("info", model, "--json"))
        self.assertEqual((info["kind"], info["parameters"], info["config"]), ("model", 2, {"width": 2}))
        (model / "config.json").write_text('{"width": 3}')
        self.expect_error(65, "config.json", "info", model)

    def test_a_run_says_its_state(self):
        run = self.folder / "run"
        run.mkdir()
        (run / "state").write_text("checkpointed\n")
        (run / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2, "loss": 0.5}\n{"step": 3, "lo')
        info = json.loads(self.expect_ok("info", run, "--json"))
        self.assertEqual((info["kind"], info["state"], info["last_metrics"]), ("run", "checkpointed", {"step": 2, "loss": 0.5}))


if __name__ == "__main__":
    run_tests()
