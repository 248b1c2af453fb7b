"""Tables that sit on another corpus' images, made of the truth of a phantom in that corpus' layout: MS-CXR's boxes of phrases on MIMIC-CXR-JPG, and
CheXlocalize's masks on CheXpert. The phantom has no layout of its own for them."""
import csv
import json
import pathlib
import re

# Finding of the phantom -> its name in CheXpert's 14.
CHEXPERT = {"pleural_effusion": "Pleural Effusion", "posterior_effusion": "Pleural Effusion", "pneumothorax": "Pneumothorax", "edema": "Edema",
            "consolidation": "Consolidation", "retrocardiac_consolidation": "Consolidation", "atelectasis": "Atelectasis", "cardiomegaly": "Cardiomegaly",
            "mass": "Lung Lesion", "nodule": "Lung Lesion", "pacemaker": "Support Devices", "central_line": "Support Devices", "tube": "Support Devices"}
# Categories of MS-CXR that the phantom shows, by the word that a sentence about them has.
MS_CXR = {"pleural_effusion": "effusion", "pneumothorax": "pneumothorax", "edema": "edema", "consolidation": "consolidation", "atelectasis": "atelecta",
          "cardiomegaly": "cardiomegaly|heart|cardiac"}


def studies_of(layout):
    for line in (layout / "manifest.jsonl").read_text().splitlines():
        yield json.loads(line)


def phrase_of(study, finding):
    """The first sentence of the report that states the finding; None where it is denied, doubted or not named."""
    if study.get("said", {}).get(finding) != "stated":
        return None
    for sentence in re.split(r"(?<=\.)\s+", study["report"]["text"]):
        if re.search(MS_CXR[finding], sentence, re.IGNORECASE) and not re.search(r"\b(no|not|without)\b", sentence, re.IGNORECASE):
            return sentence
    return None


def ms_cxr(layout):
    """MS_CXR_Local_Alignment_v1.0.0.csv beside MIMIC's tables: a row for each box of a finding that the report states in a frontal."""
    fields = ("category_name", "label_text", "path", "x", "y", "w", "h", "dicom_id", "image_width", "image_height")
    with (layout / "MS_CXR_Local_Alignment_v1.0.0.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(fields)
        for study in studies_of(layout):
            for box in study["boxes"]:
                view, finding = study["views"][box["view"]], box["label"]
                phrase = phrase_of(study, finding) if finding in MS_CXR and view["view"] != "LATERAL" else None
                if phrase:
                    corner = [round(box[key]) for key in ("x", "y", "w", "h")]
                    table.writerow([CHEXPERT[finding], phrase, view["path"], *corner, pathlib.PurePath(view["path"]).stem, view["cols"], view["rows"]])


def compressed(counts):
    """COCO's compressed text of run lengths: differences to the run two before, 5 bits a letter."""
    text = []
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits, value = value & 0x1F, value >> 5
            more = value != (-1 if bits & 0x10 else 0)
            text.append(chr((bits | 0x20 if more else bits) + 48))
    return "".join(text)


def pixels(mask):
    """A mask's pixels in COCO's order, down the columns."""
    values, inside = [], False
    for run in mask["rle"]:
        values += [inside] * run
        inside = not inside
    return values


def runs(values):
    counts, inside, length = [], False, 0
    for value in values:
        if value != inside:
            counts.append(length)
            inside, length = value, 0
        length += 1
    return [*counts, length]


def chexlocalize(layout):
    """gt_segmentations_val.json and gt_segmentations_test.json: the union of a finding's masks on each image that evaluates."""
    files = {"validate": {}, "test": {}}
    for study in studies_of(layout):
        for mask in study["masks"] if study["split"] in files else ():
            finding = CHEXPERT.get(mask["label"])
            if finding is None:
                continue
            path = pathlib.PurePath(study["views"][mask["view"]]["path"])
            image = files[study["split"]].setdefault("_".join((*path.parts[-3:-1], path.stem)), {})
            known = image.get(finding)
            joined = [a or b for a, b in zip(known["pixels"], pixels(mask))] if known else pixels(mask)
            image[finding] = {"size": [mask["rows"], mask["cols"]], "pixels": joined}
    for split, name in (("validate", "val"), ("test", "test")):
        made = {key: {finding: {"size": one["size"], "counts": compressed(runs(one["pixels"]))} for finding, one in image.items()}
                for key, image in files[split].items()}
        (layout / f"gt_segmentations_{name}.json").write_text(json.dumps(made))


# Label of NIH and RSNA -> findings of the phantom.
OF_LABEL = {"Atelectasis": ["atelectasis"], "Cardiomegaly": ["cardiomegaly"], "Effusion": ["pleural_effusion", "posterior_effusion"],
            "Infiltration": ["consolidation", "retrocardiac_consolidation"], "Consolidation": ["consolidation", "retrocardiac_consolidation"],
            "Lung Opacity": ["consolidation", "retrocardiac_consolidation"], "Mass": ["mass"], "Nodule": ["nodule"], "Pneumothorax": ["pneumothorax"],
            "Edema": ["edema"], "Emphysema": ["emphysema"], "Hernia": ["hiatal_hernia"]}


def frontal_ceilings(layout, prepared):
    """AUROC by label, on the test of a corpus of frontals alone, of a reader who finds all that the frontal shows, and nothing else: its labels are also
    of findings that show in the lateral only, and some are wrong, as text mining is. A label that is never or always there has none."""
    shown = {}  # image -> findings that it shows
    for study in studies_of(layout):
        findings = {finding for finding, views in study.get("visible_in", {}).items() if "frontal" in views}
        for view in study["views"]:
            shown[pathlib.PurePath(view["path"]).stem] = findings
    ceilings = {}
    tested = [study for study in studies_of(prepared) if study["split"] == "test"]
    for label, findings in OF_LABEL.items():
        known = [(study["labels"][label], bool(shown[pathlib.PurePath(study["views"][0]["path"]).stem] & set(findings)))
                 for study in tested if label in study["labels"]]
        found = {truth: [seen for value, seen in known if value == truth] for truth in (0, 1)}
        if found[0] and found[1]:
            ceilings[label] = (sum(found[1]) / len(found[1]) + 1 - sum(found[0]) / len(found[0])) / 2
    return ceilings
