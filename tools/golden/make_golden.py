#!/usr/bin/env python3
"""Makes the golden values of tests/golden, or checks a folder of the same layout.

    pip install -r tools/golden/requirements.txt
    tools/golden/make_golden.py                    writes tests/golden (the same bytes every time)
    tools/golden/make_golden.py --check FOLDER     computes FOLDER's expected values again
    tools/golden/make_golden.py --only PART        one of its folders, for example numpy_random

Every folder is computed again in float64 and float32; a difference above the folder's tolerance is an
error, for new values above half of it."""
import argparse
import os
import pathlib
import sys

import torch

import f_l_checkpoint
import method_contrast
import method_key_semantics
import method_modules
import method_optimisation
import models_bert
import models_clip
import models_swin
import models_vit
import numpy_random
from folder import Folder

PARTS = {**models_bert.PARTS, **models_clip.PARTS, **models_swin.PARTS, **models_vit.PARTS,
         **f_l_checkpoint.PARTS, **method_modules.PARTS, **method_key_semantics.PARTS,
         **method_contrast.PARTS, **method_optimisation.PARTS,
         **numpy_random.PARTS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    repository = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--out", type=pathlib.Path, default=repository / "tests" / "golden")
    parser.add_argument("--check", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--only", choices=PARTS, metavar="PART", help="one folder, as models/swin")
    options = parser.parse_args()
    torch.set_num_threads(1)
    root = options.check or options.out
    for name, part in PARTS.items():
        if options.only not in (None, name):
            continue
        folder = Folder(root / name)
        if options.check and not folder.path.exists():
            print(f"{name}: not there")
            continue
        if not options.check:
            part.make(folder)
        float64, float32 = part.differences(folder)
        print(f"{name}: float64 {float64:.1e}, float32 {float32:.1e}, tolerance {part.tolerance:g}")
        if max(float64, float32) > part.tolerance / (1 if options.check else 2):
            raise SystemExit(f"{name}: differs by more than the tolerance allows")


if __name__ == "__main__":
    # TorchScript writes the constants of a class in the order of a Python set.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
