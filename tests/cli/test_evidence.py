"""The scripts that make docs/evidence, on toys: they run to the end, go on where they were, and compare heads as they say."""

import json
import subprocess
import sys
from pathlib import Path

from program import BUILD, ProgramTest, run_tests

sys.path.insert(0, str(Path("tools").resolve()))
from evidence_lib import Predictions, macro_over, make_phantom, paired_difference, two_level_difference  # noqa: E402 (the folder is no package)


class Compared(ProgramTest):
    def run_of(self, name, shift):
        """A run's predictions of 40 studies of 20 patients; `shift`: how far positives stand above negatives."""
        head = {"task": "linear", "kind": "multilabel", "classes": ["a"], "thresholds": [0.5], "columns": []}
        rows = [{"views": "both", "population": "", "study": f"s{i}", "patient": f"p{i // 2}", "probability": [(i * 7 % 20) / 20 + shift * (i % 4 == 0)],
                 "truth": [int(i % 4 == 0) if i != 3 else None]} for i in range(40)]
        folder = self.folder / name
        folder.mkdir()
        (folder / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (head, *rows)))
        return Predictions(folder, "both")

    def auroc(self, predictions):
        known = [(row["probability"][0], row["truth"][0]) for row in predictions.rows.values() if row["truth"][0] is not None]
        pairs = [(x > y) + (x == y) / 2 for x, positive in known if positive for y, other in known if not other]
        return sum(pairs) / len(pairs)

    def test_a_paired_difference_is_that_of_the_areas_and_its_interval_holds_it(self):
        good, poor = self.run_of("good", 0.6), self.run_of("poor", 0.05)
        found = paired_difference(good, poor)
        self.assertAlmostEqual(found["value"], self.auroc(good) - self.auroc(poor), places=12)
        self.assertLess(0, found["low"])
        self.assertLessEqual(found["low"], found["value"])
        self.assertLessEqual(found["value"], found["high"])
        self.assertEqual(paired_difference(good, good)["high"], 0)

    def test_a_mean_over_labels_is_that_of_the_areas_and_its_interval_holds_it(self):
        head = self.run_of("head", 0.2)
        found = macro_over(head, ["a"])
        self.assertAlmostEqual(found["value"], self.auroc(head), places=12)
        self.assertLess(found["low"], found["value"])
        self.assertLess(found["value"], found["high"])
        self.assertEqual(found["n"], 40)

    def test_seeds_that_disagree_widen_the_interval(self):
        heads = [self.run_of(f"head{i}", shift) for i, shift in enumerate((0.6, 0.05, 0.3, 0.0))]
        alike = two_level_difference([(heads[0], heads[1])] * 3)
        apart = two_level_difference([(heads[0], heads[1]), (heads[1], heads[2]), (heads[2], heads[3])])
        self.assertLess(alike["high"] - alike["low"], apart["high"] - apart["low"])


class Phantoms(ProgramTest):
    def test_a_folder_of_other_options_is_not_taken(self):
        def program(*words):
            self.assertTrue((self.folder / "made.options.json").exists())  # a killed phantom is known, too
            (self.folder / "made").mkdir()
            (self.folder / "made" / "manifest.jsonl").write_text(" ".join(map(str, words)))

        make_phantom(program, self.folder / "made", studies=3, seed=1)
        self.assertEqual(make_phantom(None, self.folder / "made", studies=3, seed=1), self.folder / "made")
        with self.assertRaisesRegex(SystemExit, "other options"):
            make_phantom(None, self.folder / "made", studies=4, seed=1)


class Tasks(ProgramTest):
    def evidence(self, *more):
        command = ["tools/evidence_tasks", BUILD, "--quick", "--out", self.folder / "out", "--results", self.folder / "tasks.jsonl", *more]
        return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=900)

    def test_every_task_runs_from_the_layout_of_its_corpus_to_its_lines_and_once(self):
        result = self.evidence()
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [json.loads(line) for line in (self.folder / "tasks.jsonl").read_text().splitlines()]
        rows = self.evidence("--list").stdout.splitlines()
        self.assertEqual({line["row"] for line in lines}, set(rows))
        self.assertLessEqual({"linear", "finetune", "segmentation", "detection", "grounding", "minimal_pairs"}, {line["task"] for line in lines})
        self.assertLessEqual({"mimic", "chexpert", "rsna", "siim", "nih", "covidx", "openi", "object-cxr", "ms-cxr", "chexlocalize"},
                             {line["corpus"] for line in lines})
        shown = {line["row"]: line["at_least"] for line in lines if line["figure"] == "auroc of the labels that frontals show"}
        self.assertEqual(shown, {"linear_nih-nih-frontal": 0.85, "finetune_nih-nih-frontal": 0.9})
        compared = [line for line in lines if line["figure"].startswith("auroc less")]
        self.assertEqual({line["views"] for line in compared}, {"both"})
        self.assertEqual(self.evidence().stdout.count(": is done"), len(rows))
        self.assertEqual(len((self.folder / "tasks.jsonl").read_text().splitlines()), len(lines))


if __name__ == "__main__":
    run_tests()
