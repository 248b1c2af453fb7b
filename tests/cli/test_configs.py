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

# Constants of the published programs as their repositories have them, under our keys.
NO_CROP, RESIZED_CROP = "[]", "[0.08, 1]"  # the second is torchvision's RandomResizedCrop as it comes
EVERY_EPOCH = {"train.select_every": 1, "train.select_from": 1, "train.select_every_steps": 0}
# HKU-MedAI/MGCA: mgca/models/mgca/mgca_finetuner.py, mgca/models/ssl_finetuner.py, mgca/datasets/data_module.py (drop_last).
MGCA_LINEAR = {"task": "linear", "train.optimizer": "adamw", "train.lr": 5e-4, "train.weight_decay": 1e-6, "train.decay_all": "true", "train.steps": 0,
               "train.epochs": 50, "train.batch": 48, "train.keep_last": "false", "train.schedule": "constant", "train.warmup": 0, "train.clip": 0,
               "train.stop_on": "loss", "train.patience": 10, **EVERY_EPOCH, "head.features": "tower", "head.norm": "none",
               "data.fraction_rule": "published", "augment.random_crop": "true", "augment.crop_scale": NO_CROP}
MGCA_LINEAR_CORPORA = {"chexpert": {"augment.flip": 0.5}, "rsna": {"augment.flip": 0}, "covidx": {"augment.flip": 0, "labels.kind": "multiclass"}}
# HKU-MedAI/MGCA: mgca/models/mgca/mgca_segmenter.py, run_seg_finetune.sh, mgca/models/ssl_segmenter.py, mgca/utils/segmentation_loss.py.
MGCA_SEG = {"dense.encoder": "frozen", "dense.image_size": 224, "dense.channels": 512, "segmentation.head": "setr_pup", "segmentation.loss": "focal_dice",
            "train.optimizer": "adamw", "train.lr": 5e-4, "train.weight_decay": 0.05, "train.decay_all": "true", "train.steps": 0, "train.epochs": 50,
            "train.keep_last": "false", "train.schedule": "constant", "train.warmup": 0, "train.stop_on": "loss", "train.patience": 10, **EVERY_EPOCH,
            "augment.rotate": 10, "augment.scale": 0.1, "augment.affine": 0.5, "augment.flip": 0, "augment.crop_scale": NO_CROP}
MGCA_SEG_CORPORA = {corpus: {"train.batch": batch, "segmentation.batch": batch} for corpus, batch in {"siim": 8, "rsna": 16}.items()}
# ToniChopp/ECAMP and RL4M/MRM-pytorch: train.py, utils/data_utils.py, utils/scheduler.py of their classification; global_pool in models_vit.py.
SGD = {"train.optimizer": "sgd", "train.momentum": 0.9, "train.weight_decay": 0, "train.schedule": "cosine", "train.schedule_steps": 0,
       "train.warmup_from": 0, "train.keep_last": "true", "train.clip": 1, "train.stop_on": "metric", "train.patience": 20, **EVERY_EPOCH,
       "head.init": "normal", "head.init_std": 2e-5, "augment.crop_scale": RESIZED_CROP, "augment.flip": 0.5}
WHOLE = {"task": "finetune", "train.layer_decay": 1, "train.encoder_lr": 1, "head.features": "mean_patch", "head.norm": "layer"}
RUN_KEYS = ("train.lr", "train.steps", "train.warmup", "train.batch")
ECAMP_LINEAR_RUNS = {"chexpert": (0.03, 22500, 3750, 4096), "rsna": (0.01, 9000, 150, 4096), "nih": (0.01, 30000, 500, 768),
                     "covidx": (0.03, 9000, 1750, 256)}  # run_lp.sh, all labels
ECAMP_RUNS = {"chexpert": (0.004, 90000, 1500, 768), "rsna": (0.003, 90000, 150, 768), "nih": (0.01, 30000, 500, 768),
              "covidx": (0.01, 30000, 50, 768)}  # run_ft.sh, all labels
MRM = {**dict(zip(RUN_KEYS, (0.03, 3000, 50, 96))), "data.fraction": 0.01, "train.patience": 0}  # finetuning_1percent.sh
# yangzhou12/BenchX: config/classification/*/mrm.yml (t_total, epochs, early_stop, eval_start, eval_interval), unifier/executors/utils.py.
BENCHX = {"task": "finetune", "train.optimizer": "sgd", "train.momentum": 0.9, "train.lr": 0.01, "train.encoder_lr": 0.1, "train.layer_decay": 1,
          "train.weight_decay": 0, "train.steps": 0, "train.epochs": 200, "train.batch": 64, "train.keep_last": "true", "train.schedule": "cosine",
          "train.schedule_steps": 3000, "train.warmup": 50, "train.warmup_from": 0, "train.clip": 1, "train.stop_on": "metric", "train.patience": 10,
          "train.select_from": 10, "train.select_every": 5, "head.features": "mean_patch", "head.norm": "layer", "head.init": "normal",
          "data.fraction": 0.01, "augment.crop_scale": RESIZED_CROP, "augment.flip": 0.5}
BENCHX_CORPORA = {"chexpert": {}, "rsna": {"train.batch": 32}, "siim": {}, "nih": {"train.lr": 0.03},
                  "covidx": {"train.optimizer": "adamw", "train.lr": 5e-4}}  # its one file with Adam
UPERNET = {"dense.image_size": 512, "dense.layers": "[4, 6, 8, 12]", "dense.channels": 768, "segmentation.head": "upernet", "segmentation.auxiliary": 0.4,
           "segmentation.auxiliary_layer": 8, "segmentation.auxiliary_channels": 256, "segmentation.dropout": 0.1, "train.optimizer": "adamw",
           "train.weight_decay": 0.05, "train.batch": 8, "train.schedule": "linear", "train.schedule_steps": 0, "train.warmup": 1500,
           "train.warmup_from": 0, "train.stop_on": "metric", "train.patience": 0, "augment.flip": 0.5, "augment.crop_scale": NO_CROP}
# RL4M/MRM-pytorch: Siim_Segmentation/configs/mrm/upernet_mrm-base_fp16_8x2_512x512_160k_siim.py and what it stands on.
MRM_SEG = {"dense.encoder": "trained", "segmentation.loss": "focal_dice_by_image", "train.lr": 2e-5, "train.layer_decay": 0.65, "train.steps": 160000,
           "train.select_every_steps": 500}
# yangzhou12/BenchX: preprocess/mmsegmentation/configs/benchmark/siim/upernet_vit.py.
BENCHX_SEG = {"dense.encoder": "frozen", "segmentation.loss": "cross_entropy", "train.lr": 1e-3, "train.steps": 20000, "train.select_every_steps": 2000}
# ToniChopp/ECAMP: Detection/run.sh (all labels; start_eval 50 is the fourth epoch of 16 batches), train.py.
ECAMP_DET = {"dense.encoder": "frozen", "dense.image_size": 224, "detection.head": "yolov3", "detection.confidence": 0.5, "detection.nms": 0.5,
             "train.optimizer": "adamw", "train.lr": 5e-4, "train.weight_decay": 0.05, "train.decay_all": "true", "train.steps": 20000, "train.batch": 1024,
             "train.keep_last": "true", "train.schedule": "cosine", "train.schedule_steps": 0, "train.warmup": 30, "train.warmup_from": 0,
             "train.clip": 1, "train.stop_on": "metric", "train.patience": 20, "train.select_every": 1, "train.select_from": 4}


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

    def check_protocol(self, name, *wanted):
        """All of the keys in `wanted`, of which later ones go before."""
        values, keys = self.task(name), {key: value for part in wanted for key, value in part.items()}
        self.assertEqual({key: values.get(key) for key in keys}, keys, name)

    def test_the_named_protocols_are_the_published_ones(self):
        for corpus, own in MGCA_LINEAR_CORPORA.items():
            self.check_protocol(f"mgca_linear_{corpus}", MGCA_LINEAR, own)
        for corpus, run in ECAMP_LINEAR_RUNS.items():
            self.check_protocol(f"ecamp_linear_{corpus}", SGD, {"task": "linear", "head.features": "tower"}, dict(zip(RUN_KEYS, run)))
        for corpus, run in ECAMP_RUNS.items():
            self.check_protocol(f"ecamp_ft_{corpus}", SGD, WHOLE, dict(zip(RUN_KEYS, run)))
        self.check_protocol("mrm_ft_nih", SGD, WHOLE, MRM)
        for corpus, own in BENCHX_CORPORA.items():
            self.check_protocol(f"benchx_cls_{corpus}", BENCHX, own)

    def test_the_named_protocols_of_places_are_the_published_ones(self):
        for corpus, own in MGCA_SEG_CORPORA.items():
            self.check_protocol(f"mgca_seg_{corpus}", MGCA_SEG, own)
        self.check_protocol("mrm_seg_siim", UPERNET, MRM_SEG)
        self.check_protocol("benchx_seg_siim", UPERNET, BENCHX_SEG)
        for corpus in ("rsna", "object_cxr"):
            self.check_protocol(f"ecamp_det_{corpus}", ECAMP_DET)

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
