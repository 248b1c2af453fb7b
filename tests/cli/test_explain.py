"""Explanations as users meet them: a picture, a page and JSON for one study of a small run."""

import json
import shutil
import struct
from pathlib import Path

from program import ProgramTest, run_tests

TINY = Path("tests/configs/tiny.yaml")


class ExplainTest(ProgramTest):
    """A small phantom and the run of four steps on it."""

    def setUp(self):
        super().setUp()
        self.phantom = self.folder / "phantom"
        self.expect_ok("phantom", "--out", self.phantom, "--studies", 30, "--size", 32, "--test", 6, "--validate", 0)
        self.run_folder = self.train()
        self.studies = [json.loads(line) for line in (self.phantom / "manifest.jsonl").read_text().splitlines()]
        self.out = self.folder / "explained"

    def train(self, *more):
        run = self.folder / f"run{len(more)}"
        self.expect_ok("pretrain", "--config", TINY, "--out", run, "--set", f"data.manifest={self.phantom}/manifest.jsonl",
                       "--set", "train.steps=4", *more)
        return run

    def command(self, *more, study=None, stage="selection", model=None):
        return ["explain", "--stage", stage, "--model", model or self.run_folder, "--manifest", self.phantom, "--study",
                study or self.studies[0]["study_id"], "--out", self.out, *more]

    def write_manifest(self):
        (self.phantom / "manifest.jsonl").write_text("".join(json.dumps(study) + "\n" for study in self.studies))

    def with_views(self, count):
        return next(study for study in self.studies if len(study["views"]) == count)


class Explained(ExplainTest):
    def test_a_picture_a_page_and_json(self):
        study = self.with_views(2)
        text = self.expect_ok(*self.command(study=study["study_id"]))
        for name in ("picture  %s.png", "page     %s.html", "data     %s.json"):
            self.assertIn(name % (self.out / "selection") + "\n", text)
        png = (self.out / "selection.png").read_bytes()
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", png[16:24])
        self.assertGreater(width, 2 * height * 0.7)
        page = (self.out / "selection.html").read_text()
        self.assertTrue(page.startswith("<!DOCTYPE html>"))
        self.assertIn(study["study_id"], page)
        self.assertNotIn("were not trained", page)
        data = json.loads((self.out / "selection.json").read_text())
        self.assertEqual([view["view"] for view in data["views"]], ["frontal", "lateral"])
        self.assertEqual([len(view["patches"]) for view in data["views"]], [16, 16])
        self.assertEqual(sum(view["kept"] for view in data["views"]), 26)
        self.assertEqual(data["report"], study["report"]["text"])
        self.assertIn(f"{sum(word['masked'] for word in data['words'])} of {len(data['words'])} masked", text)
        for word in data["words"]:
            for piece in word.get("pieces", []):
                self.assertEqual(len(piece["predictions"]), 3)

    def test_json_prints_the_file_and_depends_on_the_seed_only(self):
        first = self.expect_ok(*self.command("--json"))
        self.assertEqual(first, (self.out / "selection.json").read_text())
        self.assertEqual(self.expect_ok(*self.command("--json", "--seed", 0)), first)
        other = json.loads(self.expect_ok(*self.command("--json", "--seed", 1)))
        masked = [[word["masked"] for word in data["words"]] for data in (json.loads(first), other)]
        self.assertNotEqual(*masked)

    def test_a_study_with_one_view(self):
        study = self.with_views(1)
        data = json.loads(self.expect_ok(*self.command("--json", study=study["study_id"])))
        self.assertEqual(len(data["views"]), 1)
        self.assertEqual(data["views"][0]["kept"], 13)

    def test_a_model_without_masked_words_says_so(self):
        model = self.train("--set", "loss.mlm.weight=0")
        text = self.expect_ok(*self.command(model=model))
        self.assertIn("note: masked words were not trained", text)
        self.assertIn("Masked words were not trained", (self.out / "selection.html").read_text())

    def test_masks_follow_the_recipe(self):
        model = self.train("--set", "data.masking.strategy=random", "--set", "data.masking.random_probability=1")
        data = json.loads(self.expect_ok(*self.command("--json", model=model)))
        self.assertTrue(all(word["masked"] for word in data["words"]))

    def test_help_has_examples(self):
        text = self.expect_ok("explain", "--help")
        self.assertRegex(text, r"(?mi)^examples:?\n  biplane explain ")
        self.assertEqual(self.expect_ok("help", "explain"), text)
        self.assertIn("  explain ", self.expect_ok("--help"))


class Refused(ExplainTest):
    def test_wrong_options_are_named(self):
        self.expect_error(2, "'selectoin' is none of: selection", *self.command(stage="selectoin"))
        self.expect_error(2, "--seed -1", *self.command("--seed", -1))
        name = self.studies[3]["study_id"]
        self.expect_error(2, f"no study '{name}x'; did you mean '{name}'?", *self.command(study=name + "x"))

    def test_what_does_not_exist_is_named(self):
        self.expect_error(66, "nothing", *self.command(model=self.folder / "nothing"))
        self.expect_error(66, "nowhere", *self.command("--root", self.folder / "nowhere"))
        shutil.rmtree(self.phantom)
        self.expect_error(66, "no such", *self.command())

    def test_a_study_without_report_or_view_or_with_a_broken_image(self):
        self.studies[0]["report"]["text"] = ""
        self.studies[1]["views"] = []
        self.write_manifest()
        image = self.studies[2]["views"][0]["path"]
        (self.phantom / image).write_text("this is text")
        self.expect_error(2, "has no report", *self.command())
        self.expect_error(65, "neither a frontal nor a lateral", *self.command(study=self.studies[1]["study_id"]))
        self.expect_error(65, Path(image).name, *self.command(study=self.studies[2]["study_id"]))
        self.assertFalse((self.out / "selection.json").exists())

    def test_an_output_that_cannot_be_written(self):
        self.out.write_text("a file")
        self.expect_error(74, "explained", *self.command())


if __name__ == "__main__":
    run_tests()
