"""Evaluation as users meet it: a table, results.jsonl and report.html; chosen studies; damaged models and images."""

import hashlib
import json
import os
import shutil
import unittest.mock
from pathlib import Path

from program import ProgramTest, run_tests

TINY = Path("tests/configs/tiny.yaml")
TEST_STUDIES = 12


class Help(ProgramTest):
    def test_verbs_that_need_tensors_have_examples(self):
        for verb in ("pretrain", "finetune", "evaluate", "demo"):
            text = self.expect_ok(verb, "--help")
            self.assertRegex(text, rf"(?mi)^examples:?\n  biplane {verb} ")
            self.assertEqual(self.expect_ok("help", verb), text)


class EvaluateTest(ProgramTest):
    """A small phantom and the run of four steps on it."""

    def setUp(self):
        super().setUp()
        self.phantom = self.folder / "phantom"
        self.expect_ok("phantom", "--out", self.phantom, "--studies", 30, "--size", 32, "--test", TEST_STUDIES, "--validate", 0)
        self.run_folder = self.folder / "run"
        self.expect_ok("pretrain", "--config", TINY, "--out", self.run_folder, "--set", f"data.manifest={self.phantom}/manifest.jsonl",
                       "--set", "train.steps=4")
        self.out = self.folder / "evaluation"

    def command(self, *more, model=None):
        return ["evaluate", "--model", model or self.run_folder, "--manifest", self.phantom, "--out", self.out, "--pool", 4,
                "--bootstrap", 10, *more]

    def rows(self, *more):
        """What an evaluation of the given studies writes."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.expect_ok(*self.command(*more))
        return [json.loads(line) for line in (self.out / "results.jsonl").read_text().splitlines()]

    def studies(self, *more):
        """Number of studies behind the zero-shot figures."""
        rows = self.rows("--tasks", "zero_shot", *more)
        return max(row["n"] for row in rows if row["metric"] == "auroc")

    def break_image(self, number=0):
        """Makes the first image of a test study unreadable. Returns its path."""
        studies = [json.loads(line) for line in (self.phantom / "manifest.jsonl").read_text().splitlines()]
        view = [study for study in studies if study["split"] == "test"][number]["views"][0]
        (self.phantom / view["path"]).write_text("this is text")
        return view["path"]


class Figures(EvaluateTest):
    def test_a_table_results_and_a_report(self):
        text = self.expect_ok(*self.command())
        for part in ("Zero-shot classification, AUROC", "Retrieval, pools of 4", "Phrase grounding", "  macro  ", "cardiomegaly"):
            self.assertIn(part, text)
        self.assertIn(f"results  {self.out}/results.jsonl\nreport   {self.out}/report.html\n", text)
        rows = [json.loads(line) for line in (self.out / "results.jsonl").read_text().splitlines()]
        self.assertEqual({row["task"] for row in rows}, {"zero_shot", "retrieval", "grounding"})
        self.assertEqual({(row["run"], row["corpus"], row["split"]) for row in rows}, {("run", "phantom", "test")})
        self.assertTrue((self.out / "report.html").read_text().startswith("<!DOCTYPE html>"))

    def test_json_prints_the_lines_of_the_results(self):
        text = self.expect_ok(*self.command("--json", "--quiet"))
        self.assertEqual(text, (self.out / "results.jsonl").read_text())

    def test_modules_are_a_task_that_must_be_asked_for(self):
        text = self.expect_ok(*self.command("--tasks", "modules"))
        for part in ("Do the modules do what they claim", "selection, both: auroc, sum", "leak, entity words", "counterfactual.jsonl is not there"):
            self.assertIn(part, text)
        rows = [json.loads(line) for line in (self.out / "results.jsonl").read_text().splitlines()]
        self.assertEqual({row["task"] for row in rows},
                         {"modules/selection", "modules/alignment", "modules/masked_words", "modules/false_negatives"})

    def test_a_model_evaluates_as_its_run_and_its_checkpoint_do(self):
        def figures(model):
            text = self.expect_ok(*self.command("--json", "--tasks", "retrieval", model=model))
            return [(row["value"], row["low"], row["high"]) for row in map(json.loads, text.splitlines())]

        whole = figures(self.run_folder)
        self.assertEqual(figures(self.run_folder / "model"), whole)
        self.assertEqual(figures(self.run_folder / "checkpoints" / "step-4"), whole)

    def test_selection_changes_the_studies_that_count(self):
        self.assertEqual(self.studies(), TEST_STUDIES)
        self.assertEqual(self.studies("--split", "train"), 30 - TEST_STUDIES)
        self.assertEqual(self.studies("--split", "all"), 30)
        self.assertEqual(self.studies("--select", "limit=7"), 7)
        self.assertEqual(self.studies("--exclude", "limit=7"), TEST_STUDIES - 7)
        self.assertEqual(self.studies("--select", "split=train,limit=9"), 9)

    def test_a_model_of_a_late_size_is_evaluated_at_that_size(self):
        late = self.folder / "late"
        self.expect_ok("pretrain", "--config", TINY, "--out", late, "--set", f"data.manifest={self.phantom}/manifest.jsonl",
                       "--set", "train.steps=4", "--set", "train.late_size=48")
        text = self.expect_ok(*self.command("--json", model=late))
        self.assertEqual({json.loads(line)["task"] for line in text.splitlines()}, {"zero_shot", "retrieval", "grounding"})
        model = late / "model"
        sums = (model / "SHA256SUMS").read_text()
        preprocess = model / "preprocess.json"
        before = hashlib.sha256(preprocess.read_bytes()).hexdigest()
        preprocess.write_text(preprocess.read_text().replace("48", "32"))  # the same weights at the first size
        (model / "SHA256SUMS").write_text(sums.replace(before, hashlib.sha256(preprocess.read_bytes()).hexdigest()))
        small = self.expect_ok(*self.command("--json", model=late))

        def maps(rows):
            return [row["value"] for row in map(json.loads, rows.splitlines()) if row["task"] == "grounding"]

        self.assertNotEqual(maps(text), maps(small))


class TwoModels(EvaluateTest):
    def test_two_models_are_compared_on_the_same_studies(self):
        other = self.folder / "other"
        self.expect_ok("pretrain", "--config", TINY, "--out", other, "--set", f"data.manifest={self.phantom}/manifest.jsonl",
                       "--set", "train.steps=4", "--set", "seed=3")
        text = self.expect_ok(*self.command("--tasks", "zero_shot", "--against", other))
        self.assertIn("zero_shot, AUROC less that of other\n", text)
        rows = [json.loads(line) for line in (self.out / "results.jsonl").read_text().splitlines()]
        compared = [row for row in rows if "against_sha256" in row]
        weights = hashlib.sha256((other / "model" / "model.safetensors").read_bytes()).hexdigest()
        self.assertEqual({(row["metric"], row["against"], row["against_sha256"]) for row in compared}, {("auroc_difference", "other", weights)})
        self.assertIn("macro", {row["class"] for row in compared})
        self.assertTrue(all(row["value"] is not None or row["note"] for row in compared))
        self.assertIn("Compared with other", (self.out / "report.html").read_text())

    def test_what_cannot_be_compared_is_refused(self):
        self.expect_error(66, "nothing", *self.command("--against", self.folder / "nothing"))
        self.expect_error(2, "--against", *self.command("--suite", "--against", self.run_folder))


class MoreTasks(EvaluateTest):
    """Minimal pairs, calibration, subgroups and the suite."""

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.phantom)
        self.expect_ok("phantom", "--out", self.phantom, "--studies", 40, "--size", 32, "--test", TEST_STUDIES, "--validate", 10, "--minimal-pairs")

    def test_minimal_pairs_of_the_phantom_come_from_its_truth(self):
        rows = self.rows("--tasks", "minimal_pairs")
        self.assertEqual({row["candidates"] for row in rows}, {"truth"})
        self.assertLessEqual({"negation", "side", "size", "site"}, {row["class"] for row in rows})

    def test_thresholds_name_their_operating_point_and_subgroups_their_value(self):
        rows = self.rows("--tasks", "calibration,subgroups", "--at-sensitivity", "0.8,0.9", "--smallest-subgroup", 3)
        points = {row.get("operating_point") for row in rows if row["task"] == "calibration"}
        self.assertEqual(points, {None, "youden", "sensitivity>=0.8", "sensitivity>=0.9", "specificity>=0.9"})
        self.assertIn("sex=F", {row.get("subgroup") for row in rows})
        self.expect_error(2, "never on the test", *self.command("--tasks", "calibration", "--choose-on", "test"))
        self.expect_error(2, "--subgroups = hight", *self.command("--tasks", "subgroups", "--subgroups", "hight"))

    def test_two_evaluations_are_the_same_to_the_last_bit_whatever_the_threads(self):
        tasks = ("--tasks", "zero_shot,retrieval,grounding,modules,minimal_pairs,calibration,subgroups", "--smallest-subgroup", 3)
        texts = []
        for threads in (1, 1, 2):
            shutil.rmtree(self.out, ignore_errors=True)
            self.expect_ok(*self.command(*tasks, "--threads", threads))
            texts.append([(self.out / name).read_text() for name in ("results.jsonl", "report.html")])
        for part in ('"task":"calibration"', '"subgroup":"sex=F"', '"task":"modules/'):
            self.assertTrue(part in texts[0][0], part)
        self.assertTrue(texts[0] == texts[1], "evaluated twice")
        self.assertTrue(texts[0] == texts[2], "on two threads")

    def test_a_suite_writes_three_tables_and_is_not_done_twice(self):
        reference = self.folder / "published.csv"
        reference.write_text("corpus,split,protocol,metric,fraction,method,value,source\nphantom,theirs,zero_shot,auroc,,Theirs,80.7,A paper\n")
        command = self.command("--suite", "--reference", reference)
        printed = self.expect_ok(*command)
        self.assertIn("7 measured, 0 were done", printed)  # no head, so none of heads
        self.assertIn("== phantom\n\nZero-shot classification, AUROC\n", printed)
        page, table = (self.out / "report.html").read_text(), (self.out / "table.tex").read_text()
        results = (self.out / "results.jsonl").read_text()
        for text in (page, table, (self.out / "results.csv").read_text()):
            self.assertIn("Theirs", text)
            self.assertIn("A paper", text)
        self.assertLessEqual({"zero_shot", "retrieval", "grounding", "minimal_pairs", "calibration"},
                             {json.loads(line)["task"] for line in results.splitlines()})
        self.assertIn("0 measured, 7 were done", self.expect_ok(*command))
        self.assertEqual((self.out / "results.jsonl").read_text(), results)
        self.assertEqual((self.out / "report.html").read_text(), page)
        self.expect_error(2, "only stand with --suite", *self.command("--manifest", self.phantom))
        self.expect_error(2, "--reference", *self.command("--reference", reference))
        self.expect_error(66, "nowhere", *self.command("--suite", "--manifest", self.folder / "nowhere"))

    def test_a_damaged_part_is_refused_before_anything_is_appended(self):
        command = self.command("--suite", "--tasks", "zero_shot", "--quiet")
        self.expect_ok(*command)
        part, = (self.out / "parts").iterdir()
        text, results = part.read_text(), (self.out / "results.jsonl").read_text()
        lines = text.splitlines(keepends=True)
        for damaged in ("", "null\n", "{}\n", "".join(lines[:-3]), text[:len(text) // 2], text.replace('"zero_shot"', '"zero"', 1), "".join(lines[:3] + ["{}\n"] + lines[4:])):
            part.write_text(damaged)
            self.expect_error(65, f"{part.name}: is damaged; remove it", *command)
            self.assertEqual((self.out / "results.jsonl").read_text(), results)
        part.unlink()
        self.assertIn("1 measured", self.expect_ok(*command))
        self.assertEqual((self.out / "results.jsonl").read_text(), results)

    def test_a_last_line_without_its_end_stays_where_it_is_whole(self):
        command = self.command("--tasks", "minimal_pairs", "--quiet")
        self.expect_ok(*command)
        written = (self.out / "results.jsonl").read_text()
        for text, kept in (('{"mine":1}\n{"mine":2}', '{"mine":1}\n{"mine":2}\n'), ('{"mine":1}\n{"mine":', '{"mine":1}\n'), ('{"mine":2}', '{"mine":2}\n')):
            (self.out / "results.jsonl").write_text(text)
            self.expect_ok(*command)
            self.assertEqual((self.out / "results.jsonl").read_text(), kept + written)

    def test_thresholds_are_not_chosen_on_images_that_are_measured(self):
        """Studies of other names and patients that show the same files."""
        studies = [json.loads(line) for line in (self.phantom / "manifest.jsonl").read_text().splitlines()]
        copies = [{**study, "study_id": f"copy-{i}", "patient_id": f"copy-{i}", "split": "validate"} for i, study in enumerate(studies) if study["split"] == "test"]
        self.assertTrue(all(view["sha256"] for study in copies for view in study["views"]))
        manifest = self.folder / "copies"
        manifest.mkdir()
        (manifest / "manifest.jsonl").write_text("".join(json.dumps(study) + "\n" for study in copies + [study for study in studies if study["split"] == "validate"]))
        (manifest / "images").symlink_to(self.phantom / "images")
        printed = self.expect_ok(*self.command("--tasks", "calibration", "--choose-manifest", manifest))
        self.assertIn(f"calibration: {TEST_STUDIES} ", printed)

    def test_a_suite_that_can_measure_nothing_fails_and_says_why(self):
        command = self.command("--suite", "--tasks", "detection")
        result = self.run_program(*command)
        self.assertEqual(result.returncode, 2)
        self.assertIn("phantom, detection: nothing to measure", result.stderr)
        self.assertIn("the notes say why", result.stderr)
        self.assertIn("note: ", result.stdout)
        self.expect_error(2, "no head of", *command, "--json")

    def test_a_suite_measures_again_where_a_file_of_the_program_or_the_root_is_another(self):
        share = self.folder / "share"
        shutil.copytree("share", share)
        command = self.command("--suite", "--tasks", "zero_shot", "--quiet")
        with unittest.mock.patch.dict(os.environ, BIPLANE_SHARE=str(share)):
            self.assertIn("1 measured, 0 were done", self.expect_ok(*command))
            self.assertIn("0 measured, 1 were done", self.expect_ok(*command))
            with (share / "prompts" / "phantom.yaml").open("a") as file:
                file.write("# another\n")
            self.assertIn("1 measured, 0 were done", self.expect_ok(*command))
            self.assertIn("1 measured, 0 were done", self.expect_ok(*command, "--root", self.phantom))

    def test_a_suite_prints_its_own_lines_and_counts_unreadable_images(self):
        self.break_image()
        command = self.command("--suite", "--tasks", "zero_shot", "--quiet")
        self.expect_error(65, f"phantom: 1 of {TEST_STUDIES} studies", *command)
        before = (self.out / "results.jsonl").read_text()
        other = [11 if word == 10 else word for word in command]  # of --bootstrap: measured anew
        printed = self.expect_ok(*other, "--max-bad", "0.1", "--json")
        written = (self.out / "results.jsonl").read_text()
        self.assertTrue(written.startswith(before))
        # A line that is the same with other repeats (an undefined figure) is there already.
        self.assertEqual(set(written[len(before):].splitlines()) | (set(before.splitlines()) & set(printed.splitlines())), set(printed.splitlines()))
        self.assertGreater(len(written), len(before))
        self.expect_error(65, f"phantom: 1 of {TEST_STUDIES} studies", *command)  # nothing is measured again


class Refused(EvaluateTest):
    def test_wrong_options_are_named(self):
        self.expect_error(2, "'vews'; did you mean 'views'", *self.command("--select", "vews=both"))
        self.expect_error(2, "views is 'two'", *self.command("--exclude", "views=two"))
        self.expect_error(2, "cannot stand together", *self.command("--select", "limit=3", "--exclude", "limit=3"))
        self.expect_error(2, "'retrival'", *self.command("--tasks", "retrival"))
        self.expect_error(2, "--pool", *self.command("--pool", 1))
        self.expect_error(2, "--bootstrap 99999999999: must be 1 to 1000000", *(99999999999 if word == 10 else word for word in self.command()))
        self.expect_error(2, "--max-bad", *self.command("--max-bad", 2))
        self.expect_error(2, "no study of split 'validate'", *self.command("--split", "validate"))
        self.expect_error(2, "split is 'dev'", *self.command("--split", "dev"))

    def test_what_does_not_exist_is_named(self):
        self.expect_error(66, "nothing", *self.command(model=self.folder / "nothing"))
        self.expect_error(66, "nowhere", *self.command("--root", self.folder / "nowhere"))
        shutil.rmtree(self.phantom)
        self.expect_error(66, "no such", *self.command())

    def test_a_truncated_model_is_damaged(self):
        weights = self.run_folder / "model" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
        self.expect_error(65, "model.safetensors", *self.command())
        self.assertFalse((self.out / "results.jsonl").exists())

    def test_unreadable_images_are_counted_up_to_max_bad(self):
        broken = self.break_image()
        result = self.expect_error(65, f"1 of {TEST_STUDIES} studies", *self.command("--tasks", "zero_shot"))
        self.assertIn("note: 1 studies were left out", result.stdout)
        self.assertIn(Path(broken).name, result.stdout)
        self.assertEqual(self.studies("--max-bad", "0.1"), TEST_STUDIES - 1)
        self.break_image(1)
        self.expect_error(65, f"2 of {TEST_STUDIES} studies", *self.command("--max-bad", "0.1"))


if __name__ == "__main__":
    run_tests()
