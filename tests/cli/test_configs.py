"""Every configuration that is shipped: read, checked and planned, with a head comment that says what it is."""

import json
import re
from pathlib import Path

from program import ProgramTest, run_tests

CONFIGS = sorted(Path("configs").rglob("*.yaml"))
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
                  "mlm15": {"itc", "mlm", "fla", "proto"}}
        for name, losses in wanted.items():
            self.assertEqual(switched_on(self.plan(f"baselines/{name}")), losses, name)


if __name__ == "__main__":
    run_tests()
