"""An ablation as users meet it: planned, stopped, killed, continued, reported, refused."""

import json
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from program import PROGRAM, ProgramTest, run_tests

TINY = Path("tests/configs/tiny.yaml").absolute()
DESIGN = """
base: {tiny}
steps: {steps}
pool: 4
replicates: 20
phantom: {{studies: 30, test: 12, validate: 0, size: 32, seed: 3}}
set: [train.checkpoint_every=2, train.log_every=2]
factors:
  - {{name: masking, off: [data.masking.strategy=random, data.masking.random_probability=-1]}}
  - {{name: alignment, off: [loss.fla.weight=0], needs: lateral}}
  - {{name: lateral, off: [loss.views=frontal]}}
designs:
  - {{name: half, kind: fraction, generators: [C=AB]}}
  - name: list
    seeds: 2
    runs:
      - {{name: full}}
      - {{name: no_keys, set: [model.key_semantics.enabled=false]}}
      - {{name: labels, set: [loss.itc.weight=0, loss.mlm.weight=0, loss.fla.weight=0, loss.proto.weight=0, loss.labels.weight=1,
                            "data.labels=[nodule, mass, edema, cardiomegaly, pneumothorax]"]}}
"""


class AblateTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.results = self.folder / "evidence" / "ablation.jsonl"
        self.design = self.folder / "design.yaml"
        self.write_design(4)

    def write_design(self, steps):
        self.design.write_text(DESIGN.format(tiny=TINY, steps=steps))

    def command(self, *more):
        return ["ablate", "--config", self.design, "--out", self.out, "--results", self.results, "--quiet", *more]

    def lines(self, results=None):
        path = results or self.results
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def figures(self, results=None):
        """What the runs found, without what depends on the clock."""
        return {self.name(line): {key: value for key, value in line.items() if "second" not in key} for line in self.lines(results)}

    @staticmethod
    def name(line):
        return f"{line['design']}/{line['run']}/seed-{line['seed']}"


class Runs(AblateTest):
    def test_every_run_leaves_a_line_with_its_figures_and_none_is_repeated(self):
        self.expect_ok(*self.command())
        lines = {self.name(line): line for line in self.lines()}
        self.assertEqual(len(lines), 4 + 6)
        full = lines["list/full/seed-0"]
        self.assertEqual(full["steps"], 4)
        self.assertEqual((full["test_studies"], len(full["metrics"]["zero_shot/both/all"]["repeats"])), (12, 20))
        self.assertGreater(full["train_seconds"], 0)
        for metric in ("zero_shot/frontal/all", "retrieval/both", "pointing_game/lateral", "mean_iou/frontal", "selection/both",
                       "entity_words/accuracy", "entity_words/image_effect", "entity_words/leak", "shuffle_gap/words", "shuffle_gap/images",
                       "same_cosine/both", "same_mass/both"):
            self.assertIn(metric, full["metrics"])
        self.assertNotIn("zero_shot/both/all", lines["half/a/seed-1"]["metrics"], "the lateral was not in training")
        self.assertNotIn("pointing_game/lateral", lines["half/a/seed-1"]["metrics"])
        labels = lines["list/labels/seed-0"]
        self.assertEqual({name.split("/")[0] for name in labels["metrics"]}, {"supervised"})
        self.assertLessEqual(set(labels["findings"]["supervised"]), {"nodule", "mass", "edema", "cardiomegaly", "pneumothorax"})
        self.assertEqual(len({line["config_sha256"] for line in lines.values()}), 10)
        before = self.results.read_text()
        self.expect_ok(*self.command())
        self.assertEqual(self.results.read_text(), before)
        self.check_report()

    def check_report(self):
        text = self.expect_ok(*self.command("--report"))
        self.assertEqual(text, self.results.with_suffix(".md").read_text())
        self.assertIn("## Main effects: half", text)
        self.assertIn("## Share of the supervised ceiling", text)
        self.assertNotIn("Not done yet", text)
        self.assertIn("<svg", self.results.with_suffix(".svg").read_text())
        self.assertNotRegex(self.results.with_suffix(".html").read_text(), r"(src|href)=.http")
        self.assertIn("to do: about 0 min", self.expect_ok(*self.command("--plan")))

    def test_a_run_that_is_that_of_another_name_is_not_done_twice(self):
        self.design.write_text(self.design.read_text() + "      - {name: twin}\n")
        self.expect_ok(*self.command("--only", "list/full/seed-1"))
        self.assertRegex(self.expect_ok(*self.command("--plan", "--only", "list/twin")),
                         r"list/twin/seed-0 +to do .*\nlist/twin/seed-1 +is list/full/seed-1")
        self.expect_ok(*self.command("--only", "list/twin/seed-1"))
        full, twin = self.lines()
        self.assertEqual(twin.pop("run"), "twin")
        full.pop("run")
        self.assertEqual(full, twin)
        self.assertFalse((self.out / "runs" / "list" / "twin").exists())

    def test_killed_at_any_moment_it_ends_with_the_same_lines(self):
        self.write_design(12)
        whole = self.folder / "whole.jsonl"
        only = ("--only", "half", "--only", "list/labels/seed-0")
        self.expect_ok("ablate", "--config", self.design, "--out", self.folder / "other", "--results", whole, "--quiet", *only)
        self.assertEqual(len(self.lines(whole)), 5)
        moments = random.Random(5)
        for _ in range(6):
            process = subprocess.Popen([str(PROGRAM), *map(str, self.command(*only))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=moments.uniform(0.4, 2.5))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.expect_ok(*self.command(*only))
        self.assertEqual(self.figures(), self.figures(whole))

    def test_a_signal_leaves_a_checkpoint_from_which_it_goes_on(self):
        self.write_design(5000)
        process = subprocess.Popen([str(PROGRAM), *map(str, self.command("--only", "list/full"))], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        metrics = self.out / "runs" / "list" / "full" / "seed-0" / "metrics.jsonl"
        while process.poll() is None and not (metrics.exists() and metrics.stat().st_size > 0):
            time.sleep(0.01)
        self.expect_error(2, "in use by another process", *self.command("--only", "half"))
        self.expect_error(2, "in use by another process", "ablate", "--config", self.design, "--out", self.folder / "second", "--results",
                          self.results, "--quiet")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, errors)
        self.assertEqual(self.lines(), [])
        self.assertRegex(self.expect_ok(*self.command("--plan", "--only", "list/full/seed-0")), r"checkpoint +5000 steps, \d+ done")


class Phantom(AblateTest):
    def test_one_that_was_stopped_half_way_is_made_anew(self):
        only = ("--only", "list/full/seed-0")
        self.expect_ok(*self.command(*only))
        phantom = self.out / "phantom"
        manifest = (phantom / "manifest.jsonl").read_bytes()
        (phantom / "counterfactual.jsonl").mkdir()
        (phantom / "counterfactual.jsonl" / "in_the_way").touch()
        self.results = self.folder / "other.jsonl"
        self.expect_error(74, "counterfactual.jsonl", *self.command(*only, "--set", "phantom.seed=4"))
        self.assertFalse((phantom / "phantom.yaml").exists(), "it would vouch for files of two phantoms")
        shutil.rmtree(phantom / "counterfactual.jsonl")
        self.expect_ok(*self.command(*only))
        self.assertEqual((phantom / "manifest.jsonl").read_bytes(), manifest)
        (phantom / "manifest.jsonl").unlink()
        self.expect_ok(*self.command("--only", "list/full"))
        self.assertEqual((phantom / "manifest.jsonl").read_bytes(), manifest)


class Refused(AblateTest):
    def test_wrong_designs_and_names_are_named(self):
        self.expect_error(2, "did you mean 'half'", *self.command("--only", "haf"))
        self.expect_error(2, "generators", *self.command("--set", "designs=[{name: a, kind: fraction}]"))
        self.expect_error(2, "half/c/seed-0: --set train.stps=3: unknown key", *self.command("--set", "set=[train.stps=3]"))
        self.expect_error(2, "pool = 1", *self.command("--set", "pool=1"))
        self.expect_error(2, "test and validate", *self.command("--set", f"phantom.test={2**63 - 1}", "--plan"))
        self.expect_error(2, "phantom.test = 0", *self.command("--set", "phantom.test=0"))
        self.expect_error(2, "half/c/seed-0: loss.itc.weight", *self.command("--set", "set=[loss.itc.weight=0]"))
        self.expect_error(2, "--threads", *self.command("--threads", "-1"))
        self.expect_error(66, "no such file", *self.command("--report"))
        self.assertFalse((self.out / "phantom").exists(), "nothing is made for a design that cannot be run")

    def test_results_are_not_written_over_by_their_report(self):
        self.results.parent.mkdir()
        for ending in (".md", ".svg", ".html"):
            self.results = self.results.with_suffix(ending)
            self.results.write_text("")
            self.expect_error(2, f"another ending than {ending}", *self.command("--report"))
            self.expect_error(2, "--results", *self.command())
            self.assertEqual(self.results.read_text(), "")
        self.assertFalse((self.out / "phantom").exists())

    def test_lines_that_do_not_fit_are_named(self):
        only = ("--only", "list/full/seed-0")
        self.expect_ok(*self.command(*only))
        good = self.results.read_text()
        self.expect_error(2, "list/full/seed-0 was run with another configuration", *self.command(*only, "--set", "steps=6"))
        self.expect_error(2, "list/full/seed-0 was run with another manifest", *self.command(*only, "--set", "phantom.seed=4"))
        self.results.write_text(good + good[:100] + "\n" + good.replace('"seed":0', '"seed":1'))
        self.expect_error(65, f"{self.results}:2: damaged", *self.command(*only))
        self.expect_error(65, f"{self.results}:2: damaged", *self.command("--report"))
        self.results.write_text(good)
        report = self.expect_ok(*self.command("--report"))
        self.assertRegex(report, re.escape("Not done yet: half, 4 of 4 (c seed 0"))

    def test_a_step_without_its_time_is_named(self):
        only = ("--only", "list/full/seed-0")
        self.expect_ok(*self.command(*only))
        self.results.unlink()
        metrics = self.out / "runs" / "list" / "full" / "seed-0" / "metrics.jsonl"
        lines = metrics.read_text().splitlines()
        metrics.write_text("\n".join([lines[0], '{"step": 2}', *lines[2:]]) + "\n")
        self.expect_error(65, f"{metrics}:2: ", *self.command(*only))
        self.assertEqual(self.lines(), [])

    def test_minutes_are_told_from_lines_of_the_same_device(self):
        only = ("--only", "list/full/seed-0")
        self.expect_ok(*self.command(*only))
        plan = self.command("--plan", "--only", "list/full")
        self.assertRegex(self.expect_ok(*plan), r"list/full/seed-1 +to do +4 steps, about \d")
        self.results.write_text(self.results.read_text().replace('"device":"cpu"', '"device":"cuda"'))
        self.assertIn("no estimate before a run is finished on the same device", self.expect_ok(*plan))

    def test_the_plan_says_the_settings_of_every_run_once(self):
        plan = self.expect_ok(*self.command("--plan", "--only", "list/no_keys/seed-0", "--only", "list/full/seed-0"))
        self.assertTrue(plan.startswith("every run: train.checkpoint_every=2 train.log_every=2\n"), plan)
        self.assertRegex(plan, r"\nlist/no_keys/seed-0 +to do +4 steps  model.key_semantics.enabled=false\n")
        self.assertRegex(plan, r"\nlist/full/seed-0 +to do +4 steps\n")

    def test_a_manifest_takes_the_place_of_the_phantom(self):
        self.expect_ok(*self.command("--only", "list/full/seed-0"))
        shutil.copytree(self.out / "phantom", self.folder / "studies")
        other = self.folder / "other.jsonl"
        self.expect_ok("ablate", "--config", self.design, "--out", self.folder / "second", "--results", other, "--quiet", "--only",
                       "list/full/seed-0", "--set", "manifest=studies/manifest.jsonl")
        mine, theirs = self.lines()[0], self.lines(other)[0]
        self.assertEqual(theirs["data"], "studies")
        self.assertEqual(mine["metrics"], theirs["metrics"])
        self.assertFalse((self.folder / "second" / "phantom").exists())


if __name__ == "__main__":
    run_tests()
