"""Training as users meet it: killed, stopped, damaged, resumed, refused; always with the same weights at the end."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

from program import PROGRAM, ProgramTest, grey_png, run_tests

TINY = Path("tests/configs/tiny.yaml")
KILLS = 10
LATE_KILLS = 3  # of them, at least, with a checkpoint to go on from
WORDS = ["small", "large", "left", "right", "no", "effusion", "opacity", "pneumonia", "nodule", "clear", "lungs", "heart", "normal"]


class PretrainTest(ProgramTest):
    """A prepared corpus of twelve studies, a third of them without a lateral."""

    def setUp(self):
        super().setUp()
        root = self.folder / "corpus"
        root.mkdir()
        words = random.Random(1)
        rows = ["study_id,patient_id,frontal,lateral,report"]
        for i in range(12):
            lateral = "" if i % 3 == 2 else f"l{i}.png"
            (root / f"f{i}.png").write_bytes(grey_png(side=40, value=i))
            (root / f"l{i}.png").write_bytes(grey_png(side=40, value=i + 50))
            rows.append(f"s{i:02},p{i},f{i}.png,{lateral},{' '.join(words.choices(WORDS, k=9))}.")
        (root / "studies.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        self.expect_ok("prepare", "pairs", "--root", root, "--out", self.folder / "pairs")

    def command(self, run, *settings, config=TINY):
        arguments = ["pretrain", "--config", config, "--out", self.folder / run]
        for setting in (f"data.manifest={self.folder / 'pairs' / 'manifest.jsonl'}", *settings):
            arguments += ["--set", setting]
        return arguments

    def start(self, run, *settings):
        return subprocess.Popen([str(PROGRAM), *map(str, self.command(run, *settings))], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def weights(self, run):
        return (self.folder / run / "model" / "model.safetensors").read_bytes()

    def state(self, run):
        return (self.folder / run / "state").read_text().strip()

    def metrics(self, run):
        lines = [json.loads(line) for line in (self.folder / run / "metrics.jsonl").read_text().splitlines()]
        return [{key: value for key, value in line.items() if not key.startswith("time/")} for line in lines]

    def expect_same(self, run, whole):
        self.assertEqual(self.weights(run), self.weights(whole), f"{run} has other weights than {whole}")
        self.assertEqual(self.metrics(run), self.metrics(whole))
        self.assertEqual(self.state(run), "done")


class Interrupted(PretrainTest):
    SETTINGS = ("train.checkpoint_every=3", "train.steps=100")

    def test_killed_at_any_moment_it_ends_with_the_same_weights(self):
        seconds = []
        for _ in range(2):  # the second time all steps are done: what it takes to start and end
            started = time.monotonic()
            self.expect_ok(*self.command("whole", *self.SETTINGS))
            seconds.append(time.monotonic() - started)
        seed = random.randrange(10**6)
        with self.subTest(seed=seed):
            late = self.kill_again_and_again(*seconds, random.Random(seed))
            self.expect_ok(*self.command("run", *self.SETTINGS))
            self.expect_same("run", "whole")
            self.assertGreaterEqual(late, LATE_KILLS, "too few kills fell after the first checkpoint")

    def kill_again_and_again(self, whole, start, moments):
        """Half of the kills fall at any moment from the start on, half of them once training goes on. Returns how many found a checkpoint."""
        killed = late = 0
        while killed < KILLS:
            process = self.start("run", *self.SETTINGS)
            try:
                if killed % 2 == 1:
                    self.wait_for_training(process)
                process.wait(timeout=moments.uniform(0, start + 0.2 * max(whole - start, start)))
                self.assertEqual(process.returncode, 0, process.stderr.read())
                self.expect_same("run", "whole")
                shutil.rmtree(self.folder / "run")  # done before it was killed often enough: once more
            except subprocess.TimeoutExpired:
                late += any((self.folder / "run").glob("checkpoints/step-*"))
                killed += 1
            finally:
                process.kill()
                process.communicate()
        return late

    def wait_for_training(self, process):
        """Until this start has said in the log what it trains, or has ended."""
        log = self.folder / "run" / "out.log"
        before = log.stat().st_size if log.exists() else 0
        while process.poll() is None and (log.stat().st_size if log.exists() else 0) == before:
            time.sleep(0.002)

    def test_stopped_by_a_signal_it_leaves_a_checkpoint_and_goes_on(self):
        self.expect_ok(*self.command("whole"))
        for name, number in (("term", signal.SIGTERM), ("int", signal.SIGINT)):
            process = self.start(name)
            metrics = self.folder / name / "metrics.jsonl"
            while process.poll() is None and not (metrics.exists() and metrics.stat().st_size > 0):
                time.sleep(0.01)
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 75, errors)
            self.assertEqual(self.state(name), "checkpointed")
            self.assertFalse((self.folder / name / "model").exists())
            self.expect_ok(*self.command(name))
            self.expect_same(name, "whole")

    def test_a_damaged_checkpoint_falls_back_with_a_warning(self):
        self.expect_ok(*self.command("whole"))
        shutil.copytree(self.folder / "whole", self.folder / "run")
        shutil.rmtree(self.folder / "run" / "model")
        newest = self.folder / "run" / "checkpoints" / "step-40" / "model.safetensors"
        newest.write_bytes(newest.read_bytes()[:-1] + b"\x55")
        result = self.run_program(*self.command("run"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("warning", result.stderr)
        self.assertIn("going on after step 30", result.stderr)
        self.expect_same("run", "whole")


class Repeatable(PretrainTest):
    def test_losses_do_not_depend_on_the_number_of_loader_workers(self):
        for workers in (0, 1, 2, 4):
            self.expect_ok(*self.command(f"w{workers}", f"data.workers={workers}", "train.steps=12"))
        for workers in (1, 2, 4):
            self.expect_same(f"w{workers}", "w0")

    def test_a_model_is_a_start_for_another_run(self):
        self.expect_ok(*self.command("first", "train.steps=4"))
        model = self.folder / "first" / "model"
        self.expect_ok(*self.command("second", "train.steps=4", f"init.model={model}"))
        self.assertNotEqual(self.weights("first"), self.weights("second"))
        self.expect_error(2, "model.width", *self.command("third", f"init.model={model}", "model.width=64"))


class LateSize(PretrainTest):
    """The last three of ten steps see images of 48 px instead of 32."""

    SETTINGS = ("train.steps=10", "train.checkpoint_every=1", "train.keep=99", "train.late_size=48", "train.late_fraction=0.3")

    def crop(self, folder):
        return json.loads((self.folder / folder / "preprocess.json").read_text())["crop"]

    def test_a_run_goes_on_exactly_from_either_side_of_the_switch(self):
        self.expect_ok(*self.command("whole", *self.SETTINGS))
        for step in (3, 6, 7, 8, 9):
            run = self.folder / f"from{step}"
            shutil.copytree(self.folder / "whole", run)
            shutil.rmtree(run / "model")
            for later in range(step + 1, 11):
                shutil.rmtree(run / "checkpoints" / f"step-{later}")
            result = self.run_program(*self.command(run.name, *self.SETTINGS))
            self.assertIn(f"going on after step {step}", result.stderr)
            self.expect_same(run.name, "whole")
        self.expect_ok(*self.command("small", *self.SETTINGS[:3]))
        same, late = ([self.metrics(run)[step]["loss"] for run in ("whole", "small")] for step in (6, 7))
        self.assertEqual(same[0], same[1], "the steps before the switch see the same images")
        self.assertNotEqual(late[0], late[1])

    def test_it_does_so_with_every_switch_of_strong_yaml(self):
        switches = ("data.shared_crop=true", "model.view_dropout.frontal=0.05", "model.view_dropout.lateral=0.25", "loss.itc.learned=true",
                    "loss.itc.soft_targets.weight=1", "loss.local.weight=1", "loss.proto.freeze_epochs=5")
        self.expect_ok(*self.command("whole", *self.SETTINGS, *switches))
        self.assertIn("itc/scale", self.metrics("whole")[0])
        self.assertIn("loss/local", self.metrics("whole")[0])
        for step in (6, 8):
            run = self.folder / f"from{step}"
            shutil.copytree(self.folder / "whole", run)
            shutil.rmtree(run / "model")
            for later in range(step + 1, 11):
                shutil.rmtree(run / "checkpoints" / f"step-{later}")
            self.expect_ok(*self.command(run.name, *self.SETTINGS, *switches))
            self.expect_same(run.name, "whole")

    def test_losses_do_not_depend_on_the_number_of_loader_workers(self):
        for workers in (0, 1, 3):
            self.expect_ok(*self.command(f"w{workers}", f"data.workers={workers}", *self.SETTINGS))
        for workers in (1, 3):
            self.expect_same(f"w{workers}", "w0")

    def test_a_model_is_used_at_the_size_its_last_step_saw(self):
        self.expect_ok(*self.command("run", *self.SETTINGS))
        self.assertEqual([self.crop(f"run/checkpoints/step-{step}") for step in (1, 7, 8, 10)], [32, 32, 48, 48])
        self.assertEqual(self.crop("run/model"), 48)
        config = json.loads((self.folder / "run" / "model" / "config.json").read_text())
        self.assertEqual(config["model"]["image_size"], 32, "the grid that positions are learned for")


class Plan(PretrainTest):
    def test_a_plan_needs_no_image_and_starts_nothing(self):
        shutil.rmtree(self.folder / "corpus")
        command = self.command("run", "train.steps=0", "train.epochs=20", "train.late_size=48")
        plan = json.loads(self.expect_ok(*command, "--plan", "--json"))
        self.assertEqual((plan["studies"], plan["batches_per_epoch"], plan["steps"], plan["warmup"], plan["late"]), (12, 1, 20, 2, 4))
        self.assertEqual(plan["tokens"], 12, "nine words, a full stop, [CLS] and [SEP]")
        self.assertEqual([line["image_size"] for line in plan["memory"]], [32, 48])
        text = self.expect_ok(*command, "--plan")
        for part in ("frontal", "memory, MiB", "at 48 px", "20 epochs", "the last 4 at 48 px", "learning rates", "not trained"):
            self.assertIn(part, text)
        self.assertFalse((self.folder / "run").exists())

    def test_parameters_are_those_of_the_run(self):
        plan = json.loads(self.expect_ok(*self.command("run", "train.steps=1"), "--plan", "--json"))
        self.expect_ok(*self.command("run", "train.steps=1"))
        log = (self.folder / "run" / "out.log").read_text()
        self.assertIn(f"{sum(part['trained'] for part in plan['parts'])} parameters, 1 steps of 8 studies", log)

    def test_what_a_run_refuses_a_plan_refuses(self):
        self.expect_error(2, "train.lr", *self.command("run", "train.lr=0"), "--plan")
        self.expect_error(2, "only 12 studies", *self.command("run", "train.batch=13"), "--plan")
        self.expect_error(2, "model.lateral.frozen", *self.command("run", "model.lateral.frozen=true"), "--plan")
        self.expect_error(66, "no such file", *self.command("run", "data.manifest=nowhere.jsonl"), "--plan")


class Refused(PretrainTest):
    def test_wrong_keys_and_values_are_named(self):
        self.expect_error(2, "did you mean 'train.steps'", *self.command("run", "train.stps=4"))
        self.expect_error(2, "train.lr", *self.command("run", "train.lr=fast"))
        self.expect_error(2, "train.batch", *self.command("run", "train.batch=0"))
        self.expect_error(2, "only 12 studies", *self.command("run", "train.batch=13"))
        self.expect_error(2, "loss.mlm.share: with 0.25 the term sees 0 of the 2 studies", *self.command(
            "run", "train.batch=4", "train.accumulate=2", "loss.mlm.share=0.25"))
        self.expect_error(2, "model.image_size", *self.command("run", "model.image_size=64"))
        self.expect_error(2, "train.late_size = 32: more than data.image.crop", *self.command("run", "train.late_size=32"))
        self.expect_error(2, "train.late_size = 44: model.frontal.vit.patch", *self.command("run", "train.late_size=44"))
        self.expect_error(2, "train.late_fraction", *self.command("run", "train.late_size=48", "train.late_fraction=0"))
        self.expect_error(66, "no such file", *self.command("run", "data.manifest=nowhere.jsonl"))
        self.expect_error(66, "nowhere.yaml", *self.command("run", config="nowhere.yaml"))
        self.expect_error(2, "--out", "pretrain", "--config", TINY)
        self.expect_error(2, "--config: the value must not be empty", "pretrain", "--config", "", "--out", self.folder / "run")
        self.assertFalse((self.folder / "run").exists())

    def test_queues_have_a_limit(self):
        self.expect_error(2, "loss.proto.queue: 100000000000 is not in [0, 16777216]",
                          *self.command("run", "loss.proto.queue=100000000000"))
        self.expect_error(2, "loss.proto.queue: -1", *self.command("run", "loss.proto.queue=-1"))

    def test_names_that_are_not_utf8_are_refused_before_training(self):
        odd = self.folder / os.fsdecode(b"odd\xff")
        self.expect_error(2, "--out", *self.command(odd.name))
        shutil.copytree(self.folder / "pairs", odd)
        for key in ("data.manifest", "data.root", "data.vocabulary", "init.model", "init.text"):
            self.expect_error(2, f"{key} = ", *self.command("run", f"{key}={odd / 'manifest.jsonl'}"))
        (self.folder / "link").symlink_to(odd)  # the model is named after the folder that it leads to
        self.expect_error(2, "data.manifest = ", *self.command("run", f"data.manifest={self.folder / 'link' / 'manifest.jsonl'}"))
        self.assertFalse((self.folder / "run").exists())

    def test_the_demo_names_its_own_option_for_what_it_sets_itself(self):
        for key, option in (("seed=7", "--seed"), ("train.threads=1", "--threads"), ("data.manifest=x.jsonl", "--out")):
            self.expect_error(2, f"--set {key}: ", "demo", "--out", self.folder / "demo", "--set", key)
            self.expect_error(2, option, "demo", "--out", self.folder / "demo", "--set", key)
        self.assertFalse((self.folder / "demo" / "phantom").exists())

    def test_a_checkpoint_of_another_architecture_is_refused(self):
        self.expect_ok(*self.command("run", "train.steps=4"))
        self.expect_error(2, "another architecture: model.width is 32 there and 64 now",
                          *self.command("run", "train.steps=4", "model.width=64"))
        self.assertEqual(self.state("run"), "done", "a refused command leaves the run as it was")

    def test_a_loss_that_is_not_finite_names_the_studies(self):
        result = self.expect_error(1, "studies of the batch: s", *self.command("run", "train.lr=1e30", "train.clip=0"))
        self.assertIn("not finite", result.stderr)
        self.assertEqual(self.state("run"), "failed")

    def test_studies_without_any_lateral_train(self):
        manifest = self.folder / "pairs" / "manifest.jsonl"
        studies = [json.loads(line) for line in manifest.read_text().splitlines()]
        for study in studies:
            study["views"] = [view for view in study["views"] if view["view"] != "LATERAL"]
        manifest.write_text("".join(json.dumps(study) + "\n" for study in studies))
        self.expect_ok(*self.command("run", "train.steps=4"))
        self.assertNotIn("loss/fla", self.metrics("run")[0])

    def test_empty_reports_and_unknown_characters_do_not_stop_a_run(self):
        manifest = self.folder / "pairs" / "manifest.jsonl"
        studies = [json.loads(line) for line in manifest.read_text().splitlines()]
        studies[0]["report"]["text"] = ""
        studies[1]["report"]["text"] = "\u2603 \u2603\u2603"
        manifest.write_text("".join(json.dumps(study) + "\n" for study in studies))
        vocabulary = self.folder / "vocab.txt"
        vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *WORDS]) + "\n")
        result = self.run_program(*self.command("run", "train.steps=4", f"data.vocabulary={vocabulary}"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 studies have no report and are left out (first: s00)", result.stderr)
        self.assertIn("a report without any word of the vocabulary (first: s01)", result.stderr)

    def test_weights_that_are_not_finite_are_never_a_result(self):
        self.expect_error(1, "not finite", *self.command("run", "train.steps=1", "train.lr=1e39"))
        self.assertEqual(self.state("run"), "failed")
        self.assertFalse((self.folder / "run" / "model").exists())
        self.assertEqual(list((self.folder / "run").glob("checkpoints/step-*")), [])


class FullOrReadOnly(PretrainTest):
    def test_a_full_disk_keeps_the_checkpoints_there_are(self):
        whole = self.folder / "whole"
        self.expect_ok(*self.command("whole"))
        one = sum(file.stat().st_size for file in (whole / "checkpoints" / "step-40").rglob("*"))
        run = self.folder / "run"
        run.mkdir()
        kept = self.folder / "kept"
        # Room for two checkpoints: the third one fails while it is written, after which all is copied out of the mount.
        script = ('run=$1; kept=$2; size=$3; shift 3; mount -t tmpfs -o "size=$size" none "$run" || exit 99; "$@"; '
                  'code=$?; cp -a "$run" "$kept"; exit $code')
        self.check_error(74, "No space left", self.run_mounted(script, run, kept, int(2.6 * one), PROGRAM,
                                                               *self.command("run", "train.keep=9")))
        self.assertEqual(sorted(os.listdir(kept / "checkpoints")), ["step-10", "step-20"])
        self.expect_ok(*self.command("kept", "train.keep=9"))
        self.expect_same("kept", "whole")

    def test_a_read_only_folder_is_one_line(self):
        run = self.folder / "run"
        run.mkdir()
        script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
        self.check_error(74, "Read-only", self.run_mounted(script, run, PROGRAM, *self.command("run")))


if __name__ == "__main__":
    run_tests()
