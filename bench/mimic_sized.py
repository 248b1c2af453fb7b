#!/usr/bin/env python3
"""Writes a tree as large as MIMIC-CXR-JPG (377,110 images, 227,827 studies, 65,379 patients) out of a small phantom.

    biplane phantom --out small --layout mimic --studies 200 --size 64
    bench/mimic_sized.py --phantom small --out large
    /usr/bin/time -v biplane prepare mimic --root large --out prepared

Tables have the corpus's columns and number of rows; every image is a link to one of the phantom's, every report one of its reports (`--zip`: all of
them in mimic-cxr-reports.zip). `--studies N` makes a smaller one of the same shape.
"""

import argparse
import csv
import gzip
import os
import zipfile
from pathlib import Path

IMAGES, STUDIES, PATIENTS = 377_110, 227_827, 65_379


def table(path):
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.reader(file))


class Phantom:
    """The studies of the phantom: what of each is written again and again."""

    def __init__(self, root):
        self.header, self.studies = {}, {}
        for kind in ("metadata", "split", "chexpert", "negbio"):
            rows = table(root / f"mimic-cxr-2.0.0-{kind}.csv.gz")
            self.header[kind] = rows[0]
            column = rows[0].index("study_id")
            for row in rows[1:]:
                self.studies.setdefault(row[column], {}).setdefault(kind, []).append(row)
        for study, rows in self.studies.items():
            subject = rows["metadata"][0][self.header["metadata"].index("subject_id")]
            folder = root / "files" / f"p{subject[:2]}" / f"p{subject}"
            rows["report"] = (folder / f"s{study}.txt").read_bytes()
            rows["images"] = [os.path.abspath(folder / f"s{study}" / f"{row[0]}.jpg") for row in rows["metadata"]]
        self.studies = list(self.studies.values())


class Tree:
    def __init__(self, out, phantom, zipped):
        self.out, self.phantom = out, phantom
        out.mkdir(parents=True)
        self.files = {kind: gzip.open(out / f"mimic-cxr-2.0.0-{kind}.csv.gz", "wt", newline="", compresslevel=1)
                      for kind in phantom.header}
        self.tables = {kind: csv.writer(file) for kind, file in self.files.items()}
        for kind, header in phantom.header.items():
            self.tables[kind].writerow(header)
        self.archive = zipfile.ZipFile(out / "mimic-cxr-reports.zip", "w", zipfile.ZIP_DEFLATED) if zipped else None

    def add(self, number, patient, images, split):
        study = self.phantom.studies[number % len(self.phantom.studies)]
        subject_id, study_id = str(10_000_000 + patient * 152), str(50_000_000 + number)
        folder = f"files/p{subject_id[:2]}/p{subject_id}/s{study_id}"
        os.makedirs(self.out / folder)
        for image in range(images):
            source = image % len(study["images"])
            name = f"{number:08x}-{image:08x}-{patient:08x}-00000000-00000000"
            os.symlink(study["images"][source], self.out / folder / f"{name}.jpg")
            row = dict(zip(self.phantom.header["metadata"], study["metadata"][source]))
            row.update(dicom_id=name, subject_id=subject_id, study_id=study_id)
            self.tables["metadata"].writerow(row.values())
            self.tables["split"].writerow([name, study_id, subject_id, split])
        for kind in ("chexpert", "negbio"):
            self.tables[kind].writerow([subject_id, study_id, *study[kind][0][2:]])
        if self.archive:
            self.archive.writestr(folder + ".txt", study["report"])
        else:
            (self.out / (folder + ".txt")).write_bytes(study["report"])

    def close(self):
        for file in [*self.files.values(), *([self.archive] if self.archive else [])]:
            file.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantom", type=Path, required=True, help="folder of `biplane phantom --layout mimic`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--zip", action="store_true", help="reports in mimic-cxr-reports.zip")
    arguments = parser.parse_args()
    count = arguments.studies
    images, patients = IMAGES * count // STUDIES, PATIENTS * count // STUDIES
    tree = Tree(arguments.out, Phantom(arguments.phantom), arguments.zip)
    for number in range(count):
        patient = number * patients // count
        split = "test" if patient % 223 == 0 else "validate" if patient % 131 == 0 else "train"
        tree.add(number, patient, (number + 1) * images // count - number * images // count, split)
    tree.close()


if __name__ == "__main__":
    main()
