#!/usr/bin/env python3
"""What tests/corpus/published_rules_golden_test.cpp and tests/tasks/label_fractions_golden_test.cpp expect: MGCA's splits of the cuts of real tables under DATA
(labels/), and of a table in CheXpert's form that is made here as the test makes it, by pandas and scikit-learn.

  python3 tools/golden/published_rules.py DATA      (seen with numpy 2.4.6, scikit-learn 1.9.1, pandas 3.1.1)

Prints, per split, the number of names and the SHA-256 of the names joined by line ends, in the published order. Nothing of the data itself
gets into the tests."""
import hashlib
import io
import pathlib
import sys

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

LABELS = ["No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
          "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices"]
FIVE = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]


def show(title, **parts):
    for name, values in parts.items():
        values = [str(value) for value in values]
        print(f"{title:24} {name:9} {len(values):5} {hashlib.sha256(chr(10).join(values).encode()).hexdigest()}")


def halves(frame, size):
    train, held = train_test_split(frame, test_size=size, random_state=0)
    test, valid = train_test_split(held, test_size=0.5, random_state=0)
    return train, valid, test


def chexpert_table():
    """8,000 images of 2,000 patients, four each; every second one is a frontal. A plain rule instead of chance, so that
    the test writes the same file."""
    rows = []
    for i in range(8000):
        patient, view = i // 4 + 1, i % 4 + 1
        side = "Frontal" if i % 2 == 0 else "Lateral"
        labels = ["" for _ in LABELS]
        kind = patient % 7  # five classes alone, then two together, then an uncertain one
        if kind < 5:
            labels[LABELS.index(FIVE[kind])] = "1.0"
        elif kind == 5:
            labels[LABELS.index("Edema")] = labels[LABELS.index("Pneumonia")] = "1.0"
        else:
            labels[LABELS.index("Edema")], labels[LABELS.index("Fracture")] = "1.0", "-1.0"
        if patient % 3 == 0:
            labels[LABELS.index("No Finding")] = "1.0"  # is not asked
        if patient % 2 == 0:
            labels[LABELS.index("Pneumothorax")] = "0.0"
        path = f"CheXpert-v1.0-small/train/patient{patient:05d}/study1/view{view}_{side.lower()}.jpg"
        rows.append(",".join([path, "Male", "50", side, "AP" if side == "Frontal" else "", *labels]))
    return ",".join(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]) + "\n" + "\n".join(rows) + "\n"


def chexpert(text):
    frame = pd.read_csv(io.StringIO(text))
    filled = frame.fillna(0)
    filled = filled[filled["Frontal/Lateral"] == "Frontal"]
    others = [label for label in LABELS if label not in FIVE and label != "No Finding"]
    drawn = []
    for name in FIVE:
        alone = filled[name] == 1
        for other in [label for label in FIVE if label != name] + others:
            alone &= filled[other] == 0
        drawn.append(filled[alone].sample(n=200, random_state=0))
    drawn = pd.concat(drawn)
    rest = frame[~frame["Path"].isin(drawn["Path"])]
    np.random.seed(0)
    numbers = np.random.choice(len(rest), size=5000, replace=False)
    valid, train = rest.iloc[numbers], rest.drop(numbers, errors="ignore")
    key = lambda part: ["/".join(path.split("/")[-3:])[:-4] for path in part["Path"]]
    show("chexpert", train=key(train), validate=key(valid))
    show("chexpert-5x200", test=key(drawn))
    both = set(valid["Path"]) & set(train["Path"])
    print("chexpert images in both", len(both))
    frontal = train[train["Frontal/Lateral"] == "Frontal"]
    for fraction in (0.01, 0.1):
        show(f"chexpert fraction {fraction}", train=key(frontal.sample(frac=fraction, random_state=42)))


def main(data):
    rsna = pd.read_csv(data / "labels/rsna/stage_2_train_labels.csv").groupby("patientId").agg(list).reset_index()
    train, valid, test = halves(rsna, 0.15 * 2)
    show("rsna", train=train.patientId, validate=valid.patientId, test=test.patientId)
    for part in (0.01, 0.02, 0.1):  # at 0.02 the two rules round apart
        show(f"rsna fraction {part}", train=train.sample(frac=part, random_state=42).patientId)
        np.random.seed(42)
        show(f"rsna detection {part}", train=train.patientId.values[np.random.choice(len(train), int(part * len(train)), replace=False)])

    siim = pd.read_csv(data / "labels/siim/train-rle.csv")
    train, valid, test = halves(siim, 0.15 * 2)
    show("siim", train=train.ImageId, validate=valid.ImageId, test=test.ImageId)
    mask = train[" EncodedPixels"].str.strip() != "-1"
    np.random.seed(42)
    negative = np.random.choice(train[~mask].ImageId.unique(), size=train[mask].ImageId.nunique(), replace=False)
    both = pd.concat([train[mask], train[~mask & train.ImageId.isin(negative)]])
    ids = both.ImageId.unique()
    show("siim segmentation", train=ids)
    chosen = np.random.choice(ids, size=int(len(ids) * 0.1), replace=False)
    show("siim segmentation 0.1", train=both[both.ImageId.isin(chosen)].ImageId.unique())

    names = ["patient", "file", "class", "source"]
    lists = {name: pd.read_csv(data / f"labels/covidx/{name}_COVIDx9A.txt", sep=" ", header=None, names=names) for name in ("train", "test")}
    train, valid = train_test_split(lists["train"], train_size=0.8, random_state=0)
    show("covidx", train=train.file, validate=valid.file, test=lists["test"].file)
    for part in (0.01, 0.1):
        show(f"covidx fraction {part}", train=train.sample(frac=part, random_state=42).file)

    table = pd.DataFrame({"image_name": [f"train/{i:05d}.jpg" for i in range(257)]})
    train, valid = train_test_split(table, test_size=0.1, random_state=0)
    show("object-cxr", train=train.image_name, validate=valid.image_name, test=[f"dev/{i:05d}.jpg" for i in range(9)])

    # RSNA's real size, for the rule of detection.
    table = pd.DataFrame({"patientId": [f"p{i:05d}" for i in range(26684)]})
    train, valid, test = halves(table, 5337 * 2)
    show("rsna detection", train=train.patientId, validate=valid.patientId, test=test.patientId)
    chexpert(chexpert_table())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
