"""`biplane pack`: shards that other programs read, resuming, several machines, lost images, a full disk, training from a pack."""

import hashlib
import json
import os
import pathlib
import subprocess
import tarfile
import unittest

from program import BUILD, PROGRAM, ProgramTest, run_tests

MODEL_PROGRAM = BUILD / "libexec" / "biplane" / "biplane_model"
VENV_PYTHON = pathlib.Path(__file__).resolve().parents[2] / ".venv" / "bin" / "python"
# Prints what webdataset makes of the shards: of a sample each name with its text, or null for an image.
READ_SAMPLES = """
import json, sys, webdataset
samples = webdataset.WebDataset(sys.argv[1:], shardshuffle=False)
print(json.dumps([{k: None if k.endswith("png") else (v if isinstance(v, str) else v.decode()) for k, v in s.items()} for s in samples]))
"""


class Pack(ProgramTest):
    def setUp(self):
        super().setUp()
        self.prepared, self.out = self.folder / "prepared", self.folder / "pack"
        self.expect_ok("phantom", "--out", self.prepared, "--studies", 40, "--size", 64, "--seed", 3, "--test", 8, "--validate", 4)

    def pack(self, *arguments, out=None, size=48):
        size = ["--size", size] if size else []
        return self.expect_ok("pack", self.prepared, "--out", out or self.out, *size, "--shard-size", 8, *arguments)

    @staticmethod
    def lines(folder):
        return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]

    @staticmethod
    def content(folder):
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Shards(Pack):
    def test_a_tar_reader_finds_every_study_whole_and_in_order(self):
        self.pack()
        studies = self.lines(self.prepared)
        for split in ("train", "validate", "test"):
            wanted = [(f"{place:09}", study) for place, study in enumerate(studies) if study["split"] == split]
            found = []
            for path in sorted((self.out / split).glob("*.tar")):
                with tarfile.open(path) as tar:
                    for member in tar:
                        self.assertEqual((member.mtime, member.uid, member.gid, member.mode), (0, 0, 0, 0o644))
                        key, ending = member.name.split(".", 1)
                        if not found or found[-1][0] != key:
                            found.append((key, {}))
                        found[-1][1][ending] = tar.extractfile(member).read()
            self.assertEqual([key for key, _ in found], [key for key, _ in wanted])
            for (_, parts), (_, study) in zip(found, wanted):
                line = json.loads(parts["json"])
                self.assertEqual(parts["txt"].decode(), study["report"]["text"])
                self.assertEqual(line["study_id"], study["study_id"])
                self.assertEqual(len(parts), len(study["views"]) + 2)
                for view, old in zip(line["views"], study["views"]):
                    image = parts[view["path"].split(".", 1)[1]]
                    self.assertEqual(hashlib.sha256(image).hexdigest(), view["sha256"])
                    self.assertIn(".lateral" if old["view"] == "LATERAL" else ".frontal", view["path"])
                    self.assertEqual((view["rows"], view["stored"]["cols"]), (old["rows"], 48))

    def test_the_manifest_says_where_each_image_lies_and_boxes_stay_as_they_were(self):
        self.pack("--original", size=None)
        for new, old in zip(self.lines(self.out), self.lines(self.prepared)):
            for view, before in zip(new["views"], old["views"]):
                with open(self.out / view["path"], "rb") as shard:
                    shard.seek(view["stored"]["offset"])
                    image = shard.read(view["stored"]["length"])
                self.assertEqual(image, (self.prepared / before["path"]).read_bytes())
                view.update(path=before["path"])
                del view["stored"]
            self.assertEqual(new, old)
        self.expect_ok("audit", self.out)
        self.assertEqual(json.loads(self.expect_ok("info", self.out, "--json"))["studies"], 40)

    def test_a_wrong_root_leaves_nothing_that_stops_the_right_one(self):
        self.expect_error(2, "none of the images", "pack", self.prepared, "--root", self.folder, "--out", self.out, "--size", 48)
        self.pack()

    def test_pythons_webdataset_reads_it(self):
        self.pack()
        read = [VENV_PYTHON, "-c", READ_SAMPLES, *sorted((self.out / "train").glob("*.tar"))]
        if not VENV_PYTHON.exists() or subprocess.run([VENV_PYTHON, "-c", "import webdataset"], check=False, capture_output=True).returncode != 0:
            self.skipTest("the Python package webdataset is not there: tools/setup --developer installs it")
        samples = json.loads(subprocess.run(read, check=True, capture_output=True, text=True).stdout)
        studies = [study for study in self.lines(self.prepared) if study["split"] == "train"]
        self.assertEqual([json.loads(sample["json"])["study_id"] for sample in samples], [study["study_id"] for study in studies])
        for sample, study in zip(samples, studies):
            images = [name for name in sample if name.endswith(".png")]
            self.assertEqual(len(images), len(study["views"]))
            self.assertEqual(sample["txt"], study["report"]["text"])


class Work(Pack):
    def test_any_number_of_threads_and_machines_gives_the_same_bytes(self):
        self.pack("--threads", 1, "--decoded")
        whole = self.content(self.out)
        self.assertIn("decoded-longest-48.u8", whole)
        other = self.folder / "threads"
        self.pack("--threads", 3, "--decoded", out=other)
        self.assertEqual(self.content(other), whole)
        other = self.folder / "machines"
        for index in range(3):
            result = json.loads(self.pack("--shard", f"{index}/3", "--decoded", "--json", out=other))
            self.assertEqual(result["merged"], index == 2)
        self.assertEqual(self.content(other), whole)

    def test_the_launchers_rank_is_a_share_and_merge_makes_the_index(self):
        self.pack()
        whole = self.content(self.out)
        other = self.folder / "ranks"
        for rank in "01":
            subprocess.run([PROGRAM, "pack", self.prepared, "--out", other, "--size", "48", "--shard-size", "8"], check=True,
                           capture_output=True, env={**os.environ, "RANK": rank, "WORLD_SIZE": "2"})
            if rank == "0":
                self.expect_error(66, "shards are not there", "pack", "--merge", "--out", other)
                self.assertFalse((other / "manifest.jsonl").exists())
        self.assertEqual(self.content(other), whole)
        for name in ("manifest.jsonl", "index.json", "funnel.json"):
            (other / name).unlink()
        self.expect_ok("pack", "--merge", "--out", other)
        self.assertEqual(self.content(other), whole)

    def test_a_second_run_keeps_what_is_whole(self):
        self.pack()
        whole = self.content(self.out)
        (self.out / "train" / "shard-000001.tar").unlink()
        result = json.loads(self.pack("--json"))
        self.assertEqual((result["written"], result["kept"]), (1, result["shards"] - 1))
        self.assertEqual(self.content(self.out), whole)
        self.expect_error(2, "holds another pack", "pack", self.prepared, "--out", self.out, "--size", 40, "--shard-size", 8)

    def test_lost_images_are_counted_and_too_many_fail(self):
        studies = self.lines(self.prepared)
        (self.prepared / studies[0]["views"][0]["path"]).write_bytes(b"no image")
        (self.prepared / studies[1]["views"][0]["path"]).unlink()
        self.expect_error(65, "--max-bad", "pack", self.prepared, "--out", self.out, "--max-bad", 0.01)
        self.assertFalse((self.out / "manifest.jsonl").exists())
        table = self.expect_ok("pack", self.prepared, "--out", self.out, "--max-bad", 0.5)
        self.assertIn("broken image", table)
        self.assertIn("missing image", table)
        for stage in json.loads((self.out / "funnel.json").read_text())["stages"]:
            self.assertEqual(stage["in"], stage["out"] + sum(reason["count"] for reason in stage["reasons"]))
        self.expect_ok("audit", self.out)

    def test_a_full_disk_is_exit_74_and_leaves_no_part(self):
        result = self.run_mounted('mount -t tmpfs -o size=64k none "$1" && "$2" pack "$3" --out "$1/pack"; code=$?; '
                                  'find "$1" -type f; exit $code', self.folder / "mount", PROGRAM.resolve(), self.prepared)
        self.check_error(74, "No space left", result)
        self.assertNotIn(".tar", result.stdout)

    def test_bad_options_are_named(self):
        for wanted, *arguments in [("a manifest is missing",), ("--merge takes no MANIFEST", self.prepared, "--merge"),
                                   ("--shard-size is '5MB'", self.prepared, "--shard-size", "5MB"),
                                   ("--shard-size is '0'", self.prepared, "--shard-size", "0"),
                                   ("--shard is '3/3'", self.prepared, "--shard", "3/3"),
                                   ("--format is 'bmp'", self.prepared, "--format", "bmp"),
                                   ("--size: 0", self.prepared, "--size", 0), ("--fit: 'x'", self.prepared, "--fit", "x"),
                                   ("--quality", self.prepared, "--quality", 50), ("--format", self.prepared, "--original", "--format", "jpeg"),
                                   ("--size", self.prepared, "--original", "--size", 64), ("--max-bad", self.prepared, "--max-bad", 2),
                                   ("did you mean '--decoded'", self.prepared, "--decode")]:
            self.expect_error(2, wanted, "pack", *arguments, "--out", self.out)
        self.expect_error(66, "nothing", "pack", self.folder / "nothing", "--out", self.out)
        self.expect_error(66, "pack.json", "pack", "--merge", "--out", self.folder / "nothing")
        self.expect_error(2, "--root", "pack", self.prepared, "--root", self.prepared / "images", "--out", self.out)
        self.assertIn("biplane pack prepared --out packed --original", self.expect_ok("pack", "--help"))

    def test_jpeg_is_smaller_and_close(self):
        self.pack("--format", "jpeg", "--quality", 90)
        self.assertTrue(all(view["path"].endswith(".tar") for study in self.lines(self.out) for view in study["views"]))
        with tarfile.open(self.out / "train" / "shard-000000.tar") as tar:
            self.assertTrue(tar.getnames()[0].endswith(".frontal0.jpg"))
        self.expect_ok("audit", self.out)


@unittest.skipUnless(MODEL_PROGRAM.exists(), "built without LibTorch")
class Training(Pack):
    def losses(self, name, manifest):
        run = self.folder / name
        self.expect_ok("pretrain", "--config", "tests/configs/tiny.yaml", "--out", run, "--set", f"data.manifest={manifest}",
                       "--set", "train.steps=6")
        return [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]

    def test_losses_and_figures_are_those_of_loose_files(self):
        wanted = self.losses("loose", self.prepared)
        self.pack("--original", "--decoded", size=32)
        self.assertEqual(self.losses("packed", self.out), wanted)
        (self.out / "decoded-longest-32.u8").unlink()
        self.assertEqual(self.losses("shards", self.out), wanted)
        results = []
        for name, manifest in (("a", self.prepared), ("b", self.out)):
            self.expect_ok("evaluate", "--model", self.folder / "loose", "--manifest", manifest, "--out", self.folder / name)
            lines = [json.loads(line) for line in (self.folder / name / "results.jsonl").read_text().splitlines()]
            results.append([line.get("value") for line in lines])
        self.assertEqual(*results)


if __name__ == "__main__":
    run_tests()
