"""Downstream tasks as users meet them: figures, seeds, a model that evaluates, and what is refused."""

import json
import shutil
import subprocess
from pathlib import Path

from program import PROGRAM, ProgramTest, run_tests
from test_import import HEADS, safetensors, tensors_of, timm_vit

TINY = Path("tests/configs/tiny.yaml")
LINEAR = Path("configs/tasks/linear.yaml")
FINETUNE = Path("configs/tasks/finetune.yaml")


class FinetuneTest(ProgramTest):
    """A small phantom and the run of two steps on it."""

    def setUp(self):
        super().setUp()
        self.phantom = self.folder / "phantom"
        self.expect_ok("phantom", "--out", self.phantom, "--studies", 60, "--size", 32, "--test", 16, "--validate", 12)
        self.model = self.folder / "run"
        self.expect_ok("pretrain", "--config", TINY, "--out", self.model, "--set", f"data.manifest={self.phantom}/manifest.jsonl",
                       "--set", "train.steps=2")
        self.out = self.folder / "task"

    def command(self, config, *more, out=None):
        return ["finetune", "--config", config, "--model", self.model, "--manifest", self.phantom, "--out", out or self.out, "--bootstrap", 20,
                "--set", "train.epochs=2", *more]

    def rows(self, file):
        return [json.loads(line) for line in Path(file).read_text().splitlines()]


class Linear(FinetuneTest):
    def test_a_table_results_and_a_model_that_evaluates_alike(self):
        text = self.expect_ok(*self.command(LINEAR))
        for part in ("Linear classification, AUROC", "macro", "cardiomegaly", f"results  {self.out}/results.jsonl"):
            self.assertIn(part, text)
        rows = self.rows(self.out / "results.jsonl")
        self.assertEqual({(row["task"], row["corpus"], row["split"], row["seed"]) for row in rows}, {("linear", "phantom", "test", 42)})
        self.assertEqual({row["metric"] for row in rows}, {"auroc", "average_precision", "accuracy", "f1_macro", "ece", "brier"})
        for row in rows:
            self.assertEqual(row["value"] is None, row.get("note", "").startswith("no "), row)
            self.assertTrue(all(len(row[key]) == 64 for key in ("weights_sha256", "preprocess_sha256", "split_sha256")))
        again = self.folder / "again"
        self.expect_ok("evaluate", "--model", self.out, "--manifest", self.phantom, "--out", again, "--tasks", "linear", "--bootstrap", 20)
        self.assertEqual([{**row, "prompts_sha256": None} for row in self.rows(again / "results.jsonl")], rows)
        self.assertEqual((self.out / "state").read_text(), "done\n")
        page = (again / "report.html").read_text()
        self.assertTrue("Linear classification" in page)
        self.assertTrue("macro, frontal" in page)
        self.expect_error(2, "run of a single seed", *self.command(LINEAR, "--seeds", "42,0"))
        self.expect_error(2, "nothing that was asked for", "evaluate", "--model", self.out, "--manifest", self.phantom, "--out", again, "--tasks", "detection")

    def suite(self, *more):
        return ["evaluate", "--suite", "--model", self.model, "--manifest", self.phantom, "--out", self.folder / "suite", "--tasks", "zero_shot", "--pool", 4,
                "--bootstrap", 20, "--quiet", *more]

    def test_a_suite_trains_the_heads_that_it_is_asked_for_once(self):
        quick = self.folder / "quick.yaml"
        quick.write_text(self.expect_ok("finetune", "--config", LINEAR, "--set", "train.epochs=2", "--print-config"))
        heads = self.suite("--finetune", f"phantom={quick}", "--seeds", "42,0")
        printed = self.expect_ok(*heads)
        self.assertIn("2 measured, 0 were done", printed)
        self.assertIn("Linear classification, AUROC", printed)
        lines = (self.folder / "suite" / "results.jsonl").read_text()
        self.assertTrue("linear <small>quick, mean of 2 seeds</small>" in (self.folder / "suite" / "report.html").read_text())
        self.assertIn("phantom & linear, quick, mean of 2 seeds & auroc", (self.folder / "suite" / "table.tex").read_text())
        self.assertIn("0 measured, 2 were done", self.expect_ok(*heads))
        self.assertEqual((self.folder / "suite" / "results.jsonl").read_text(), lines)
        # The same rows as finetune's, but for the name of the run and the configuration's.
        self.expect_ok(*self.command(LINEAR, "--seeds", "42,0"))
        other = {"run": None, "protocol": None}
        self.assertEqual([{**row, **other} for row in self.rows(self.folder / "suite" / "results.jsonl") if row["task"] == "linear"],
                         [{**row, **other} for row in self.rows(self.out / "results.jsonl")])
        self.assertIn("1 measured, 1 were done", self.expect_ok(*self.suite("--finetune", f"phantom={quick}")))  # the seed of the file
        more = self.run_program(*(word for word in self.suite("--finetune", f"phantom={quick}", "--seeds", "42,0,1") if word != "--quiet"))
        self.assertEqual(more.returncode, 0, more.stderr)
        self.assertEqual(more.stderr.count(": is done"), 2, more.stderr)  # the third alone is trained
        self.assertIn("Linear classification, AUROC (quick, mean of 3 seeds)", more.stdout)

    def test_heads_of_one_task_have_a_table_each_and_one_that_does_not_fit_is_named_at_once(self):
        for name, text in (("all", "extends: linear\ntrain: {epochs: 2}\n"), ("tenth", "extends: linear.yaml\ntrain: {epochs: 2}\ndata: {fraction: 0.5}\n"),
                           ("other", "extends: linear\nlabels: {names: [nothing]}\n")):
            (self.folder / f"{name}.yaml").write_text(text)
        heads = [f"phantom={self.folder}/{name}.yaml" for name in ("all", "tenth", "other")]
        self.expect_error(2, "--finetune phantom=other: labels.names", *self.suite("--finetune", heads[0], "--finetune", heads[2]))
        self.assertFalse((self.folder / "suite" / "results.jsonl").exists())
        printed = self.expect_ok(*self.suite("--finetune", heads[0], "--finetune", heads[1]))
        self.assertIn("Linear classification, AUROC (all)\n", printed)
        self.assertIn("Linear classification, AUROC (tenth, 50 % of the labels)\n", printed)

    def test_a_fine_tuned_model_measures_its_head_by_default_and_says_that_it_has_one(self):
        self.expect_ok(*self.command("linear"))
        printed = self.expect_ok("evaluate", "--model", self.out, "--manifest", self.phantom, "--out", self.folder / "again", "--bootstrap", 20, "--pool", 4)
        self.assertIn("Linear classification, AUROC (linear)\n", printed)
        self.assertIn("Zero-shot classification, AUROC\n", printed)
        card = (self.out / "model" / "model_card.md").read_text()
        self.assertIn("- task: linear, configuration linear\n", card)
        self.assertIn("- classes: atelectasis, cardiomegaly, ", card)
        self.assertIn("- part of the labels: 100 %\n", card)
        self.assertEqual(json.loads(self.expect_ok("info", "--json", self.out / "model"))["task"]["task"], "linear")

    def broken(self, split, count):
        """Makes the images of the first `count` studies of a split unreadable."""
        studies = [json.loads(line) for line in (self.phantom / "manifest.jsonl").read_text().splitlines()]
        for study in [study for study in studies if study["split"] == split][:count]:
            for view in study["views"]:
                (self.phantom / view["path"]).write_text("this is text")

    def test_unreadable_images_are_noted_and_bounded(self):
        self.broken("test", 1)
        message = "test: 1 of 16 studies are left out, an image cannot be read"
        self.expect_error(65, "more than --max-bad 0.05; its figures are of the others", *self.command("linear"))
        self.assertEqual((self.out / "state").read_text(), "done\n")  # nothing is lost
        self.assertTrue((self.out / "results.jsonl").exists())
        self.assertIn("note: " + message, self.expect_ok(*self.command("linear", "--max-bad", 0.1)))
        self.broken("train", 5)
        self.expect_error(65, "more than --max-bad 0.1", *self.command("linear", "--max-bad", 0.1, out=self.folder / "other"))

    def test_a_limit_of_file_sizes_is_an_error_of_writing(self):
        result = subprocess.run(["bash", "-c", 'ulimit -f 20; exec "$@"', "limited", PROGRAM, *map(str, self.command("linear"))], capture_output=True, text=True)
        self.check_error(74, "File too large", result)
        self.assertEqual((self.out / "state").read_text(), "failed\n")
        self.expect_error(2, "--seed: '-1' is no number of 0 or more", *self.command("linear", "--seed", -1))
        self.expect_error(2, "that 64 bits hold", *self.command("linear", "--seeds", "1,18446744073709551616"))

    def test_what_stands_in_the_folder_is_not_written_over(self):
        config = (self.model / "config.yaml").read_text()
        for out, message in ((self.model, "is a run of biplane pretrain"), (self.phantom, "holds other files, manifest.jsonl"),
                             (self.model / "model", "holds other files, SHA256SUMS")):
            self.expect_error(2, message, *self.command("linear", out=out))
        shutil.copytree(self.model, self.folder / "copy")
        (self.folder / "copy" / "state").write_text("checkpointed\n")
        self.expect_error(2, "is a run of biplane pretrain", *self.command("linear", out=self.folder / "copy"))
        self.assertEqual((self.folder / "copy" / "config.yaml").read_text(), config)

    def test_images_of_the_test_under_other_names_are_a_leak(self):
        file = self.phantom / "manifest.jsonl"
        studies = [json.loads(line) for line in file.read_text().splitlines()]
        test = next(study for study in studies if study["split"] == "test")
        studies.append({**test, "study_id": "copy", "patient_id": "copy", "split": "validate"})
        file.write_text("".join(json.dumps(study) + "\n" for study in studies))
        self.expect_error(1, "1 studies that are trained on or select show images of the split test, the first is copy", *self.command("linear"))
        self.expect_ok(*self.command("linear", "--set", "data.allow_leak=true"))

    def test_figures_of_a_head_on_another_split_say_that_they_are_no_test(self):
        self.expect_ok(*self.command("linear"))
        for split, noted in (("validate", True), ("test", False)):
            printed = self.expect_ok("evaluate", "--model", self.out, "--manifest", self.phantom, "--out", self.folder / split, "--tasks", "linear", "--bootstrap", 20,
                                     "--split", split)
            self.assertEqual("not of the test: epoch and thresholds" in printed, noted)

    def test_more_studies_with_a_mask_than_without_are_named(self):
        self.expect_error(2, "data.fraction_rule = published_siim takes as many", *self.command("linear", "--set", "data.fraction_rule=published_siim"))

    def test_settings_behind_one_set_are_explained(self):
        self.expect_error(2, "each KEY=VALUE needs a --set of its own", *self.command("linear", "--set", "train.lr=0.1", "train.batch=8"))

    def test_a_suite_refuses_heads_that_it_cannot_train_before_any_work(self):
        for message, *more in (
                ("must be CORPUS=CONFIG", "--finetune", "linear"), ("no manifest of 'rsna' is measured; there are: phantom", "--finetune", "rsna=linear_rsna"),
                ("stands there twice", "--finetune", "phantom=linear", "--finetune", "phantom=linear"),
                ("each must be 0 or more and stand there once", "--finetune", "phantom=linear", "--seeds", "1,1"),
                ("--seeds only stands with --finetune", "--seeds", "1"), ("whole split test", "--finetune", "phantom=linear", "--split", "validate"),
                ("pretrain", "--finetune", "phantom=demo")):
            self.expect_error(2, message, *self.suite(*more))
        self.expect_error(66, "did you mean linear?", *self.suite("--finetune", "phantom=linaer"))
        self.expect_error(2, "--finetune only stands with --suite", *(word for word in self.suite("--finetune", "phantom=linear") if word != "--suite"))
        self.assertFalse((self.folder / "suite" / "results.jsonl").exists())

    def test_a_configuration_by_its_name_and_that_of_another_verb(self):
        by_name = self.expect_ok("finetune", "--config", "linear", "--print-config")
        self.assertEqual(by_name, self.expect_ok("finetune", "--config", LINEAR, "--print-config"))
        self.expect_error(66, "did you mean linear?", *self.command("linaer"))
        self.expect_error(66, "nowhere/linear: no such file", *self.command("nowhere/linear"))
        self.expect_error(2, "demo.yaml: is a configuration of biplane pretrain (it has the key model), not of biplane finetune", *self.command("demo"))
        self.expect_error(2, "of biplane finetune (it has the key task)", "pretrain", "--config", "mgca_linear_rsna", "--out", self.out)
        self.expect_error(2, "of biplane ablate (it has the key designs)", "pretrain", "--config", "ablation", "--out", self.out)

    def test_rows_say_how_the_head_was_made_and_what_its_start_had_seen(self):
        self.expect_ok(*self.command(LINEAR, "--set", "data.fraction=0.5"))
        rows = self.rows(self.out / "results.jsonl")
        self.assertEqual({(row["protocol"], row["fraction"], row["exposed"]) for row in rows}, {("linear", 0.5, "train")})
        self.assertEqual({len(row["train_sha256"]) for row in rows}, {64})
        random = self.folder / "random"
        self.expect_ok(*self.command(LINEAR, "--set", "init=random", out=random))
        self.assertEqual({row.get("exposed") for row in self.rows(random / "results.jsonl")}, {None})  # its own training is no pre-training
        again = self.folder / "again"
        self.expect_ok("evaluate", "--model", random, "--manifest", self.phantom, "--out", again, "--tasks", "linear,retrieval", "--bootstrap", 20)
        self.assertEqual({(row["task"], row.get("exposed")) for row in self.rows(again / "results.jsonl")}, {("linear", None), ("retrieval", "train")})

    def test_seeds_by_one_command_and_not_done_again(self):
        self.expect_ok(*self.command(LINEAR, "--seeds", "42,0"))
        seed = (self.out / "seed-42" / "results.jsonl").read_text()
        means = self.rows(self.out / "results.jsonl")
        self.assertEqual({tuple(row["seeds"]) for row in means}, {(42, 0)})
        self.assertTrue(all(0 <= row[bound] <= 1 for row in means for bound in ("low", "high") if row[bound] is not None))
        self.expect_error(66, "runs of several seeds", "evaluate", "--model", self.out, "--manifest", self.phantom, "--out", self.folder / "x")
        result = self.run_program(*self.command(LINEAR, "--seeds", "42,0,1"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("seed-42: is done", result.stderr)
        self.assertEqual((self.out / "seed-42" / "results.jsonl").read_text(), seed)
        both = self.rows(self.out / "results.jsonl")
        self.assertEqual(both[:len(means)], means)
        self.expect_error(2, "holds the runs of several seeds", *self.command(LINEAR, "--seed", 7))
        macro = [row for row in both if row["seeds"] == [42, 0, 1] and row["class"] == "macro" and row["metric"] == "auroc"]
        self.assertTrue(macro and all(row["low"] <= row["value"] <= row["high"] for row in macro))

    def test_what_is_wrong_is_named(self):
        self.expect_error(2, "data.select = test", *self.command(LINEAR, "--set", "data.select=test"))
        self.expect_error(2, "did you mean 'data.select'", *self.command(LINEAR, "--set", "data.selekt=test"))
        self.expect_error(2, "--set dense.channels=8: dense.channels: task = linear does not read it, but segmentation and detection",
                          *self.command(LINEAR, "--set", "dense.channels=8"))
        self.expect_error(2, "did you mean 'nodule'", *self.command(LINEAR, "--set", "labels.names=[nodul]"))
        self.expect_error(2, "--model is required", "finetune", "--config", LINEAR, "--manifest", self.phantom, "--out", self.out)
        self.expect_error(66, "nothing", *self.command(LINEAR)[:3], "--model", "nothing", "--manifest", self.phantom, "--out", self.out)
        self.expect_ok(*self.command(LINEAR))
        self.expect_error(2, "train.lr", *self.command(LINEAR, "--set", "train.lr=0.1"))
        self.expect_error(2, "is there, but not of a run", *self.command(LINEAR, out=self.taken()))

    def taken(self):
        """A folder with somebody else's model."""
        folder = self.folder / "taken"
        shutil.copytree(self.model / "model", folder / "model")
        return folder

    def test_a_fraction_of_the_labels_is_the_one_that_was_asked_for(self):
        hashes = set()
        for rule, fraction in (("published", 0.2), ("study", 0.2), ("published", 1)):
            out = self.folder / f"{rule}-{fraction}"
            result = self.run_program(*self.command(LINEAR, "--set", f"data.fraction={fraction}", "--set", f"data.fraction_rule={rule}", out=out))
            self.assertEqual(result.returncode, 0, result.stderr)
            start = json.loads((out / "model" / "task.json").read_text())["start"]
            self.assertEqual(start["fraction"], fraction)
            hashes.add(start["train_sha256"])
        self.assertEqual(len(hashes), 3)
        self.expect_error(2, "published_detection", *self.command(LINEAR, "--set", "data.fraction_rule=publisht_detection"))
        self.expect_error(2, "train.device = cuda:77", *self.command(LINEAR, "--set", "train.device=cuda:77", out=self.folder / "device"))

    def test_without_a_validation_split_patients_are_held_out(self):
        self.expect_ok("phantom", "--out", self.folder / "novalid", "--studies", 60, "--size", 32, "--test", 16, "--validate", 0)
        command = ["finetune", "--config", LINEAR, "--model", self.model, "--manifest", self.folder / "novalid", "--out", self.out,
                   "--bootstrap", 20, "--set", "train.epochs=2"]
        self.expect_error(2, "data.select=holdout", *command)
        self.expect_ok(*command, "--set", "data.select=holdout", "--set", "data.holdout=0.3")


class Encoder(FinetuneTest):
    def test_fine_tuning_of_both_views(self):
        self.expect_ok(*self.command(FINETUNE, "--set", "data.views=both", "--set", "data.fraction=0.5"))
        rows = self.rows(self.out / "results.jsonl")
        self.assertEqual({row["task"] for row in rows}, {"finetune"})
        self.assertLessEqual({"both", "lateral_missing"}, {row["views"] for row in rows})
        info = json.loads((self.out / "model" / "task.json").read_text())
        self.assertEqual(info["start"]["fraction"], 0.5)
        self.assertEqual(len(info["classifier"]["thresholds"]), len(info["classifier"]["labels"]["names"]))

    def test_exclusive_classes_in_the_layout_of_covidx(self):
        layout, prepared = self.folder / "covidx-files", self.folder / "covidx"
        self.expect_ok("phantom", "--out", layout, "--studies", 60, "--size", 32, "--test", 16, "--validate", 12, "--layout", "covidx")
        self.expect_ok("prepare", "covidx", "--root", layout, "--out", prepared)
        self.expect_ok("finetune", "--config", "configs/tasks/mgca_linear_covidx.yaml", "--model", self.model, "--manifest", prepared,
                       "--out", self.out, "--bootstrap", 20, "--set", "train.epochs=2", "--set", "train.batch=8")
        rows = self.rows(self.out / "results.jsonl")
        accuracy = [row for row in rows if row["metric"] == "accuracy"]
        self.assertEqual([row["class"] for row in accuracy], ["all"])
        self.assertEqual({row["class"] for row in rows if row["metric"] == "auroc"}, {"macro", "normal", "pneumonia", "COVID-19"})


class Places(FinetuneTest):
    def check(self, task, metrics, *more):
        config = Path(f"configs/tasks/{task}.yaml")
        self.expect_ok(*self.command(config, "--set", "dense.image_size=32", "--set", "dense.channels=16", "--set", "labels.names=[cardiomegaly]", *more))
        rows = self.rows(self.out / "results.jsonl")
        self.assertEqual({row["task"] for row in rows}, {task})
        self.assertEqual({row["metric"] for row in rows}, metrics)
        again = self.folder / "again"
        self.expect_ok("evaluate", "--model", self.out, "--manifest", self.phantom, "--out", again, "--tasks", task, "--bootstrap", 20)
        self.assertEqual([{**row, "prompts_sha256": None} for row in self.rows(again / "results.jsonl")], rows)

    def test_masks_in_frontals(self):
        self.check("segmentation", {"dice_positives", "iou", "dice_with_empty_rule"})

    def test_boxes_in_laterals(self):
        self.check("detection", {"map", "map_published", "map_constant_box"}, "--set", "data.views=lateral")

    def test_two_views_are_refused(self):
        self.expect_error(2, "lies in one view", *self.command("configs/tasks/detection.yaml", "--set", "data.views=both"))


class Towers(ProgramTest):
    """One imported encoder in the place of a model of both views."""

    def setUp(self):
        super().setUp()
        self.phantom = self.folder / "phantom"
        self.expect_ok("phantom", "--out", self.phantom, "--studies", 60, "--size", 32, "--test", 16, "--validate", 12)
        self.tower, self.out = self.folder / "tower", self.folder / "task"

    def finetune(self, config, *settings):
        command = ["finetune", "--config", config, "--model", self.tower, "--manifest", self.phantom, "--out", self.out, "--bootstrap", 20]
        for setting in ("train.epochs=2", "labels.names=[pleural_effusion, cardiomegaly]", *settings):
            command += ["--set", setting]
        return command

    def run_tower(self, config, views):
        """Trains on the tower: the tensors of its model, and the rows, which are of these views only."""
        self.expect_ok(*self.finetune(config, f"data.views={views}"))
        rows = [json.loads(line) for line in (self.out / "results.jsonl").read_text().splitlines()]
        self.assertEqual({row["views"] for row in rows}, {views})
        self.assertTrue(any(row["metric"] == "auroc" and row["class"] == "macro" and row["value"] is not None for row in rows))
        again = self.folder / "again"
        self.expect_ok("evaluate", "--model", self.out, "--manifest", self.phantom, "--out", again, "--tasks", rows[0]["task"], "--bootstrap", 20)
        self.assertEqual([json.loads(line)["value"] for line in (again / "results.jsonl").read_text().splitlines()],
                         [row["value"] for row in rows])
        return tensors_of(self.out / "model" / "model.safetensors")

    def test_a_published_frontal_under_a_linear_head_stays_as_it_is(self):
        source = self.needs_data("golden/models/clip_vision/openai_torchscript.pt")
        self.expect_ok("import", source, "--out", self.tower, "--corpora", "web-images")
        model = self.run_tower(LINEAR, "frontal")
        imported = tensors_of(self.tower / "model.safetensors")
        self.assertEqual([name for name in imported if f"frontal.{name}" not in model], ["projection.weight"], "CLIP's own, which no head reads")
        self.assertTrue(all(model.get(f"frontal.{name}", data) == data for name, data in imported.items()))
        config = json.loads((self.out / "model" / "config.json").read_text())
        self.assertEqual(config["provenance"]["corpora"], ["web-images", "phantom"])

    def test_a_published_lateral_is_fine_tuned(self):
        source = self.needs_data("golden/models/swin/weights.safetensors")
        self.expect_ok("import", source, "--out", self.tower)
        model = self.run_tower(FINETUNE, "lateral")
        imported = tensors_of(self.tower / "model.safetensors")
        self.assertTrue(imported and all(len(model[f"lateral.{name}"]) == len(data) for name, data in imported.items()))
        self.assertNotEqual(model["lateral.patch_weight"], imported["patch_weight"])

    def test_what_a_tower_cannot_do_is_said(self):
        shapes = timm_vit()
        del shapes["blocks.1.norm2.bias"]
        safetensors(self.folder / "part.safetensors", shapes)
        self.expect_ok("import", self.folder / "part.safetensors", "--out", self.tower, "--heads", HEADS, "--mean", "0.5", "--std", "0.5",
                       "--allow-missing", "blocks.1.ln_2")
        self.expect_error(2, "the first is blocks.1.ln_2.bias", *self.finetune(LINEAR))
        self.expect_error(2, "is one tower", *self.finetune(LINEAR, "data.views=both"))
        result = self.run_program(*self.finetune(FINETUNE))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 parameters start at random, the first is blocks.1.ln_2.bias", result.stderr)


if __name__ == "__main__":
    run_tests()
