"""Every configuration that is shipped: read, checked and planned, with a head comment that says what it is."""

import json
import re
from pathlib import Path

from program import ProgramTest, run_tests

DESIGN = Path("configs/ablation.yaml")  # of `biplane ablate`
TASKS = sorted(Path("configs/tasks").glob("*.yaml"))  # of `biplane finetune`; the others are of `biplane pretrain`
CONFIGS = sorted(set(Path("configs").rglob("*.yaml")) - {DESIGN} - set(TASKS))
SIZES = {"paper": (224, 0), "strong": (224, 384)}  # image size, and that of the last steps
# Parameters of the published towers (ViT-B/16 of CLIP, Swin-T, BERT-base) without heads.
PUBLISHED = {"frontal": 85_799_424, "lateral": 27_519_354, "text": 107_719_680}


def switched_on(plan):
    return {name for name, weight in plan["losses"].items() if weight > 0}


class Configs(ProgramTest):
    def plan(self, name):
        return json.loads(self.expect_ok("pretrain", "--config", Path("configs") / f"{name}.yaml", "--plan", "--json"))

    def test_each_is_read_checked_and_planned(self):
        self.assertGreaterEqual(len(CONFIGS), 11)
        for config in CONFIGS:
            with self.subTest(config=str(config)):
                resolved = self.expect_ok("pretrain", "--config", config, "--print-config")
                flat = self.folder / "flat.yaml"
                flat.write_text(resolved)
                self.assertEqual(self.expect_ok("pretrain", "--config", flat, "--print-config"), resolved)
                plan = json.loads(self.expect_ok("pretrain", "--config", config, "--plan", "--json"))
                self.assertGreater(sum(part["trained"] for part in plan["parts"]), 0)
                sizes = [size for size in SIZES.get(config.stem, (0, 0)) if size]
                self.assertTrue(not sizes or [line["image_size"] for line in plan["memory"]] == sizes)

    def test_the_head_comment_gives_command_time_and_result(self):
        for config in CONFIGS:
            head = re.match(r"(?:#.*\n)+", config.read_text()).group()
            self.assertIn(f"biplane pretrain --config {config} ", head)
            self.assertRegex(head, r"not measured yet|docs/evidence/\w+\.md", f"{config}: time and result")

    def test_the_published_setting_is_the_published_one(self):
        plan = self.plan("paper")
        parts = {part["name"]: part for part in plan["parts"]}
        for tower, count in PUBLISHED.items():
            self.assertEqual(parts[tower]["parameters"], count, tower)
            self.assertIn(f"init.{tower} = weights/", parts[tower]["start"])
        self.assertEqual(parts["lateral"]["trained"], 0)
        self.assertIn("lateral: model.lateral.frozen", plan["not_trained"])
        self.assertEqual(switched_on(plan), {"itc", "mlm", "fla", "proto"})
        rates = {group["name"]: group["lr"] for group in plan["groups"]}
        self.assertAlmostEqual(rates["base"], 1e-5)
        self.assertAlmostEqual(rates["random_start"], 5e-5)
        self.assertIsNone(plan["steps"], "50 epochs of studies that are not known yet")

    def test_the_baselines_differ_in_what_they_name(self):
        wanted = {"clip": {"itc"}, "mean": {"itc"}, "concat": {"itc"}, "cxr_clip": {"itc"}, "mgca": {"itc", "local", "proto"},
                  "mlm15": {"itc", "mlm", "fla", "proto"}, "supervised": {"labels"}}
        for name, losses in wanted.items():
            self.assertEqual(switched_on(self.plan(f"baselines/{name}")), losses, name)

    def test_the_label_head_of_the_ceiling_knows_every_finding_of_the_phantom(self):
        phantom = self.folder / "phantom"
        self.expect_ok("phantom", "--out", phantom, "--studies", 4, "--size", 32, "--test", 2, "--validate", 0)
        study = json.loads((phantom / "manifest.jsonl").read_text().splitlines()[0])
        text = self.expect_ok("pretrain", "--config", "configs/baselines/supervised.yaml", "--print-config")
        labels = re.search(r"\n  labels:(.*?)\n  \w+:", text, re.DOTALL).group(1)
        self.assertEqual(sorted(re.findall(r"\w+", labels)), sorted(study["labels"]))

    def test_the_committed_lines_are_runs_of_the_design(self):
        """Fails when a key is changed that the design stands on: --plan refuses lines of another configuration."""
        lines = self.folder / "ablation.jsonl"
        lines.write_bytes(Path("docs/evidence/ablation.jsonl").read_bytes())
        plan = self.expect_ok("ablate", "--config", DESIGN, "--out", self.folder / "out", "--results", lines, "--plan")
        done = [line for line in plan.splitlines() if line.split()[1] == "done"]
        self.assertEqual(len(done), len(lines.read_text().splitlines()))

    def test_the_ablation_is_the_half_fraction_with_its_baselines(self):
        plan = self.expect_ok("ablate", "--config", DESIGN, "--out", self.folder / "out", "--plan")
        runs = [line.split() for line in plan.splitlines()]
        factorial = [run for run in runs if run[0].startswith("factorial/")]
        self.assertEqual(len(factorial), 16)
        for run in factorial:
            name, alignment = run[0].split("/")[1], "loss.fla.weight=0" not in run
            self.assertEqual(alignment, "c" in name and "e" in name, "no alignment without laterals")
            self.assertEqual("loss.views=frontal" in run, "e" not in name)
            self.assertEqual("model.key_semantics.enabled=false" in run, "a" not in name)
        self.assertEqual({run[0].split("/")[1] for run in runs if run[0].startswith("baselines/")},
                         {"full", *(path.stem for path in Path("configs/baselines").glob("*.yaml"))})
        for run in runs:  # what a baseline has switched off stays off under the settings of all
            if run[0].startswith("baselines/") and run[0].split("/")[1] not in ("full", "mlm15", "?"):
                self.assertEqual([word for word in run if word.startswith("loss.mlm.weight=")][-1], "loss.mlm.weight=0", run[0])
        self.assertIn("switch_off", plan)
        self.assertIn("waits for factorial", plan)
        self.assertFalse((self.folder / "out").exists(), "--plan writes nothing")

    def task(self, name):
        """What a task's configuration comes to: "group.key" -> its text."""
        text = self.expect_ok("finetune", "--config", Path("configs/tasks") / f"{name}.yaml", "--print-config")
        values, group = {}, ""
        for line in text.splitlines():
            key, _, value = line.strip().partition(":")
            group = "" if not line.startswith(" ") and value else key + "." if not value and not line.startswith(" ") else group
            text = value.strip().strip('"')
            values[(group if line.startswith(" ") else "") + key] = float(text) if re.fullmatch(r"[0-9.]+(e[-+]?[0-9]+)?", text) else text
        return values

    def test_each_task_is_read_and_checked_and_says_what_it_is(self):
        self.assertGreaterEqual(len(TASKS), 27)
        for config in TASKS:
            with self.subTest(config=str(config)):
                resolved = self.expect_ok("finetune", "--config", config, "--print-config")
                flat = self.folder / "flat.yaml"
                flat.write_text(resolved)
                self.assertEqual(self.expect_ok("finetune", "--config", flat, "--print-config"), resolved)
                head = re.match(r"(?:#.*\n)+", config.read_text()).group()
                self.assertIn(f"biplane finetune --config {config} ", head)
                self.assertRegex(head, r"not measured yet|docs/tasks\.md|docs/evidence/\w+\.md", f"{config}: time and result")

    def test_the_named_protocols_are_the_published_ones(self):
        for corpus in ("chexpert", "rsna", "covidx"):
            mgca = self.task(f"mgca_linear_{corpus}")
            self.assertEqual([mgca[key] for key in ("task", "train.optimizer", "train.lr", "train.weight_decay", "train.batch", "train.epochs",
                                                    "train.patience", "train.stop_on", "head.features", "data.fraction_rule")],
                             ["linear", "adamw", 5e-4, 1e-6, 48, 50, 10, "loss", "tower", "published"])
        self.assertEqual(self.task("mgca_linear_covidx")["labels.kind"], "multiclass")
        for corpus, rate in {"chexpert": 0.03, "rsna": 0.01, "nih": 0.01, "covidx": 0.03}.items():
            ecamp = self.task(f"ecamp_linear_{corpus}")
            self.assertEqual([ecamp[key] for key in ("task", "train.optimizer", "train.momentum", "train.lr", "augment.flip")],
                             ["linear", "sgd", 0.9, rate, 0.5])
        for corpus, rate in {"chexpert": 0.01, "rsna": 0.01, "siim": 0.01, "nih": 0.03}.items():
            benchx = self.task(f"benchx_cls_{corpus}")
            self.assertEqual([benchx[key] for key in ("task", "train.optimizer", "train.lr", "train.encoder_lr", "head.norm", "head.init",
                                                      "train.stop_on", "data.fraction")],
                             ["finetune", "sgd", rate, 0.1, "layer", "normal", "metric", 0.01])
        self.assertEqual(self.task("benchx_cls_covidx")["train.optimizer"], "adamw", "its one file with Adam")
        for name, rate in {"mrm_ft_nih": 0.03, "ecamp_ft_chexpert": 0.004, "ecamp_ft_rsna": 0.003, "ecamp_ft_nih": 0.01, "ecamp_ft_covidx": 0.01}.items():
            self.assertEqual([self.task(name)[key] for key in ("task", "train.optimizer", "train.lr", "train.layer_decay")],
                             ["finetune", "sgd", rate, 1])

    def test_the_named_protocols_of_places_are_the_published_ones(self):
        keys = ("dense.encoder", "dense.image_size", "segmentation.head", "segmentation.loss", "train.lr", "train.schedule", "train.batch")
        for corpus, batch in {"siim": 8, "rsna": 16}.items():
            mgca = self.task(f"mgca_seg_{corpus}")
            self.assertEqual([mgca[key] for key in keys], ["frozen", 224, "setr_pup", "focal_dice", 5e-4, "constant", batch])
            self.assertEqual([mgca[f"augment.{key}"] for key in ("rotate", "scale", "affine", "flip")], [10, 0.1, 0.5, 0])
        benchx, mrm = self.task("benchx_seg_siim"), self.task("mrm_seg_siim")
        self.assertEqual([benchx[key] for key in keys], ["frozen", 512, "upernet", "cross_entropy", 1e-3, "linear", 8])
        self.assertEqual([mrm[key] for key in keys], ["trained", 512, "upernet", "focal_dice_by_image", 2e-5, "linear", 8])
        for protocol, steps in ((benchx, 2000), (mrm, 500)):
            self.assertEqual([protocol[f"segmentation.{key}"] for key in ("auxiliary", "auxiliary_layer", "auxiliary_channels", "dropout")],
                             [0.4, 8, 256, 0.1])
            self.assertEqual(protocol["train.select_every_steps"], steps)
        for corpus in ("rsna", "object_cxr"):
            ecamp = self.task(f"ecamp_det_{corpus}")
            self.assertEqual([ecamp[key] for key in ("dense.encoder", "dense.image_size", "detection.head", "train.lr", "train.schedule")],
                             ["frozen", 224, "yolov3", 5e-4, "cosine"])

    def test_every_corpus_has_our_own_protocols_which_differ_in_labels_only(self):
        for kind in ("linear", "finetune"):
            own = self.task(kind)
            for corpus in ("chexpert", "rsna", "covidx", "nih"):
                of_corpus = self.task(f"{kind}_{corpus}")
                for key in own:
                    if not key.startswith("labels."):
                        self.assertEqual(of_corpus[key], own[key], f"{kind}_{corpus}: {key}")


if __name__ == "__main__":
    run_tests()
