"""Published weights as users meet them: imported, refused, and the start of a run."""

import json
import os
import pickle
import random
import shutil
import struct
import zipfile

from program import ProgramTest, run_tests
from test_pretrain import PretrainTest

WIDTH, LAYERS, HEADS, PATCH, SIZE = 32, 2, 2, 8, 32  # of tests/configs/tiny.yaml
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "small", "large", "left", "right", "no", "effusion", "opacity", "pneumonia", "nodule",
         "clear", "lungs", "heart", "normal", "."]


def safetensors(path, shapes):
    """A file of small random numbers with these names and shapes."""
    numbers, header, data = random.Random(1), {}, b""
    for name, shape in shapes.items():
        count = 1
        for side in shape:
            count *= side
        begin = len(data)
        data += struct.pack(f"<{count}f", *(numbers.gauss(0, 0.05) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def header_of(path):
    data = path.read_bytes()
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])


def tensors_of(path):
    """The bytes of every tensor of a safetensors file."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return {name: data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]]
            for name, entry in header_of(path).items() if name != "__metadata__"}


def block(prefix, names):
    """Shapes of a transformer block; `names`: in_proj, out_proj, first norm, second norm, first and second layer of the MLP."""
    in_proj, out_proj, norm_1, norm_2, first, second = names
    shapes = {}
    for name in in_proj:
        rows = 3 * WIDTH // len(in_proj)
        shapes[f"{prefix}{name}.weight"], shapes[f"{prefix}{name}.bias"] = [rows, WIDTH], [rows]
    for name, rows, columns in ((out_proj, WIDTH, WIDTH), (first, 4 * WIDTH, WIDTH), (second, WIDTH, 4 * WIDTH)):
        shapes[f"{prefix}{name}.weight"], shapes[f"{prefix}{name}.bias"] = [rows, columns], [rows]
    for name in (norm_1, norm_2):
        shapes[f"{prefix}{name}.weight"], shapes[f"{prefix}{name}.bias"] = [WIDTH], [WIDTH]
    return shapes


def timm_vit():
    places = (SIZE // PATCH) ** 2
    shapes = {"cls_token": [1, 1, WIDTH], "pos_embed": [1, 1 + places, WIDTH], "patch_embed.proj.weight": [WIDTH, 3, PATCH, PATCH],
              "patch_embed.proj.bias": [WIDTH], "norm.weight": [WIDTH], "norm.bias": [WIDTH], "head.weight": [3, WIDTH]}
    for layer in range(LAYERS):
        shapes |= block(f"blocks.{layer}.", (["attn.qkv"], "attn.proj", "norm1", "norm2", "mlp.fc1", "mlp.fc2"))
    return shapes


def bert():
    shapes = {"bert.embeddings.word_embeddings.weight": [len(WORDS), WIDTH], "bert.embeddings.position_embeddings.weight": [32, WIDTH],
              "bert.embeddings.token_type_embeddings.weight": [2, WIDTH], "bert.embeddings.LayerNorm.weight": [WIDTH],
              "bert.embeddings.LayerNorm.bias": [WIDTH], "bert.pooler.dense.weight": [WIDTH, WIDTH]}
    for layer in range(LAYERS):
        names = ([f"attention.self.{part}" for part in ("query", "key", "value")], "attention.output.dense", "attention.output.LayerNorm",
                 "output.LayerNorm", "intermediate.dense", "output.dense")
        shapes |= block(f"bert.encoder.layer.{layer}.", names)
    return shapes


class Import(ProgramTest):
    def vit(self, shapes=None):
        safetensors(self.folder / "vit" / "model.safetensors", shapes or timm_vit())
        return self.folder / "vit"

    def test_a_table_names_every_tensor(self):
        out = self.folder / "out"
        text = self.expect_ok("import", self.vit(), "--out", out, "--heads", HEADS)
        self.assertRegex(text, r"blocks\.0\.attn\.in_proj_weight +blocks\.0\.attn\.qkv\.weight +96x32 +loaded")
        self.assertRegex(text, r"- +head\.weight +3x32 +unexpected")
        self.assertIn("30 loaded, 0 missing, 0 of a wrong shape, 1 unexpected", text)
        self.assertIn("ImageNet", text)
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["SHA256SUMS", "config.json", "model.safetensors"])
        table = json.loads(self.expect_ok("import", self.vit(), "--out", out, "--json"))
        self.assertEqual({row["status"] for row in table["towers"][0]["tensors"]}, {"loaded"})
        self.assertEqual([row["source"] for row in table["unexpected"]], ["head.weight"])

    def test_a_missing_or_misshapen_tensor_is_an_error_unless_allowed(self):
        shapes = timm_vit()
        del shapes["blocks.1.norm2.bias"]
        shapes["norm.weight"] = [WIDTH + 1]
        source, out = self.vit(shapes), self.folder / "out"
        result = self.expect_error(65, "blocks.1.ln_2.bias", "import", source, "--out", out)
        self.assertRegex(result.stdout, r"ln_post\.weight +norm\.weight +33 +wrong shape")
        self.assertFalse(out.exists())
        allowed = ["--allow-missing", "blocks.1.ln_2", "--allow-missing", "ln_post.weight"]
        self.assertIn("1 missing, 1 of a wrong shape", self.expect_ok("import", source, "--out", out, *allowed))

    def test_hostile_and_foreign_files_are_refused_with_their_cause(self):
        class Attack:
            def __reduce__(self):
                return (os.system, (f"touch {marker}",))

        marker, path = self.folder / "ran", self.folder / "attack.pt"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps({"state_dict": Attack()}, protocol=2))
            archive.writestr("archive/version", "3\n")
        self.expect_error(65, "posix.system", "import", path, "--out", self.folder / "out")
        self.assertFalse(marker.exists())
        (self.folder / "text.bin").write_text("no weights\n")
        self.expect_error(65, "text.bin", "import", self.folder / "text.bin", "--out", self.folder / "out")
        self.expect_error(66, "nowhere", "import", self.folder / "nowhere", "--out", self.folder / "out")
        safetensors(self.folder / "other.safetensors", {"layer.weight": [3]})
        self.expect_error(65, "none of its tensors", "import", self.folder / "other.safetensors", "--out", self.folder / "out")
        self.expect_error(2, "was not written by this command", "import", self.vit(), "--out", self.folder)
        (self.folder / "vit" / "config.json").write_text(json.dumps({"model_type": "vit"}))
        before = sorted(path.name for path in (self.folder / "vit").iterdir())
        self.expect_error(2, "was not written by this command", "import", self.folder / "vit", "--out", self.folder / "vit")
        self.assertEqual(sorted(path.name for path in (self.folder / "vit").iterdir()), before)
        (self.folder / "vit" / "config.json").write_text("[" * 100000)
        self.expect_error(65, "config.json", "import", self.folder / "vit", "--out", self.folder / "out")
        (self.folder / "vit" / "config.json").write_text(json.dumps({"model_type": "vit", "hidden_act": "relu"}))
        self.expect_error(65, 'activation "relu"', "import", self.folder / "vit", "--out", self.folder / "out")
        (self.folder / "vit" / "config.json").unlink()
        self.expect_error(2, '--tower teacher.: ', "import", self.vit(), "--out", self.folder / "out", "--tower", "teacher.")
        self.assertFalse((self.folder / "out").exists())


class Start(PretrainTest):
    """Runs that start from imported encoders."""

    SETTINGS = ["model.frontal.vit.style=timm", "model.lateral.vit.style=timm", "model.frontal.vit.mean=[0.5]", "model.frontal.vit.std=[0.5]",
                "model.lateral.vit.mean=[0.5]", "model.lateral.vit.std=[0.5]", "train.steps=2", "train.lr=1e-30", "model.lateral.frozen=true"]

    def setUp(self):
        super().setUp()
        safetensors(self.folder / "vit.safetensors", timm_vit())
        safetensors(self.folder / "bert" / "model.safetensors", bert())
        (self.folder / "bert" / "config.json").write_text(json.dumps({"model_type": "bert", "num_attention_heads": HEADS}))
        (self.folder / "bert" / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        self.expect_ok("import", self.folder / "vit.safetensors", "--out", self.folder / "tower", "--heads", HEADS, "--mean", "0.5", "--std",
                       "0.5", "--corpora", "natural-images")

    def test_the_model_starts_from_the_imported_tensors(self):
        init = [f"init.frontal={self.folder / 'tower'}", f"init.lateral={self.folder / 'tower'}", f"init.text={self.folder / 'bert'}"]
        self.expect_ok(*self.command("run", *self.SETTINGS, *init, "train.weight_decay=0"))
        model = tensors_of(self.folder / "run" / "model" / "model.safetensors")
        imported = tensors_of(self.folder / "tower" / "model.safetensors")
        for name, data in imported.items():
            self.assertEqual(model[f"frontal.{name}"], data, name)
            self.assertEqual(model[f"lateral.{name}"], data, name)
        source = tensors_of(self.folder / "bert" / "model.safetensors")
        self.assertEqual(model["text.word_embeddings"], source["bert.embeddings.word_embeddings.weight"])
        self.assertEqual((self.folder / "run" / "model" / "vocab.txt").read_text().split("\n"), WORDS + [""])
        config = json.loads((self.folder / "run" / "model" / "config.json").read_text())
        self.assertIn("natural-images", config["provenance"]["corpora"])

    def test_positions_are_resampled_to_the_image_size(self):
        sizes = [f"{key}=64" for key in ("model.image_size", "data.image.size", "data.image.crop")]
        result = self.run_program(*self.command("run", *self.SETTINGS, *sizes, f"init.lateral={self.folder / 'tower'}"))
        self.assertIn("positions resampled from 32 to 64 px", result.stderr)
        model = header_of(self.folder / "run" / "model" / "model.safetensors")
        self.assertEqual(model["lateral.positional_embedding"]["shape"], [1 + 64, WIDTH])

    def test_a_frozen_random_tower_is_refused(self):
        self.expect_error(2, "model.lateral.frozen", *self.command("run", *self.SETTINGS, f"init.frontal={self.folder / 'tower'}"))

    def test_what_an_import_left_out_starts_at_random_and_cannot_be_frozen(self):
        shapes = timm_vit()
        del shapes["blocks.1.norm2.bias"]
        safetensors(self.folder / "part.safetensors", shapes)
        self.expect_ok("import", self.folder / "part.safetensors", "--out", self.folder / "part", "--heads", HEADS, "--mean", "0.5", "--std",
                       "0.5", "--allow-missing", "blocks.1.ln_2")
        init = f"init.lateral={self.folder / 'part'}"
        for plan in ([], ["--plan"]):
            self.expect_error(2, "lateral.blocks.1.ln_2.bias", *self.command("run", *self.SETTINGS, init), *plan)
        settings = [*self.SETTINGS, "model.lateral.frozen=false", init]
        plan = json.loads(self.expect_ok(*self.command("run", *settings), "--plan", "--json"))
        tower = next(part["trained"] for part in plan["parts"] if part["name"] == "lateral")
        base = sum(group["parameters"] for group in plan["groups"] if group["name"].startswith("base"))
        self.assertEqual(base, tower - WIDTH, "all of the tower but the bias that is missing")
        result = self.run_program(*self.command("run", *settings))
        self.assertIn("1 parameters start at random, the first is blocks.1.ln_2.bias", result.stderr)

    def test_a_run_goes_on_when_the_imported_files_are_gone(self):
        settings = [*self.SETTINGS[:-3], "train.steps=4", "train.checkpoint_every=2", "model.lateral.frozen=true",
                    f"init.frontal={self.folder / 'tower'}", f"init.lateral={self.folder / 'tower'}", f"init.text={self.folder / 'bert'}"]
        self.expect_ok(*self.command("whole", *settings))
        shutil.copytree(self.folder / "whole", self.folder / "run")
        shutil.rmtree(self.folder / "run" / "model")
        shutil.rmtree(self.folder / "run" / "checkpoints" / "step-4")
        shutil.rmtree(self.folder / "tower")
        shutil.rmtree(self.folder / "bert")
        result = self.run_program(*self.command("run", *settings))
        self.assertIn("going on after step 2", result.stderr)
        self.expect_same("run", "whole")
        for name in ("config.json", "vocab.txt"):
            self.assertEqual(*((self.folder / run / "model" / name).read_text() for run in ("run", "whole")))
        self.expect_error(66, "tower", *self.command("new", *settings))

    def test_another_architecture_or_vocabulary_is_named(self):
        init = f"init.lateral={self.folder / 'tower'}"
        self.expect_error(2, "model.lateral.vit.width is 32 there and 48 here", *self.command("run", *self.SETTINGS, init,
                                                                                            "model.lateral.vit.width=48"))
        self.expect_error(2, "model.lateral.vit.mean", *self.command("run", *self.SETTINGS, init, "model.lateral.vit.mean=[0.4]"))
        self.expect_error(2, "holds a vision tower", *self.command("run", f"init.text={self.folder / 'tower'}"))
        (self.folder / "other.txt").write_text("\n".join(WORDS + ["more"]) + "\n")
        self.expect_error(2, f"embeddings of {len(WORDS)} tokens", *self.command(
            "run", f"init.text={self.folder / 'bert'}", f"data.vocabulary={self.folder / 'other.txt'}"))
        for plan in ([], ["--plan"]):
            self.expect_error(2, "leave out init.frontal", *self.command("run", f"init.frontal={self.folder / 'tower'}", "init.model=x"), *plan)
        self.expect_error(2, "model.lateral.vit.width is 32 there and 48 here", *self.command("run", *self.SETTINGS, init,
                                                                                            "model.lateral.vit.width=48"), "--plan")


if __name__ == "__main__":
    run_tests()
