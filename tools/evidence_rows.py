"""What tools/evidence_tasks runs: the corpora that it makes of the phantom, and the rows of the table of downstream tasks."""
from dataclasses import dataclass, field

SIZE, STUDIES, TEST, VALIDATE = 80, 3600, 800, 400  # of a corpus
PLACES = 160  # pixels of the corpora whose masks and boxes are learned: small findings are a few pixels wide in 80

# Corpora without lists of their own are split by the published rule, or, where that leaks, by patients.
BY_PATIENTS = ("--validate", 0.1, "--test", 0.25)


@dataclass
class Corpus:
    """A corpus that the phantom plays: its layout, a seed that no other one and no pre-training has, and what `prepare` is given (None: the layout is
    a manifest). `table`: what evidence_layouts.py adds to the layout first. `options`: more of `biplane phantom`."""
    layout: str
    seed: int
    prepare: tuple | None
    size: int = SIZE
    studies: int = STUDIES
    table: str | None = None
    options: dict = field(default_factory=dict)

    @property
    def phantom(self):
        return f"{self.layout}-{self.seed}"


CORPORA = {
    "native": Corpus("native", 101, None, options={"minimal_pairs": True}),
    "mimic": Corpus("mimic", 102, ("mimic",)),
    "chexpert": Corpus("chexpert", 103, ("chexpert",)),
    "rsna": Corpus("rsna", 104, ("rsna", "--split", "mgca"), size=PLACES),
    "siim": Corpus("siim", 105, ("siim", *BY_PATIENTS), size=PLACES),
    "nih": Corpus("nih", 106, ("nih",)),
    "covidx": Corpus("covidx", 107, ("covidx",)),
    "openi": Corpus("openi", 108, ("openi", *BY_PATIENTS)),
    "object-cxr": Corpus("object-cxr", 109, ("object-cxr",), size=2 * PLACES),
    # 200 studies of each of five findings that are alone.
    "chexpert-5x200": Corpus("chexpert", 110, ("chexpert-5x200", "--split", "mgca"), studies=30000),
    "ms-cxr": Corpus("mimic", 102, ("ms-cxr", *BY_PATIENTS), table="ms_cxr"),
    "chexlocalize": Corpus("chexpert", 103, ("chexlocalize",), table="chexlocalize"),
}


@dataclass
class Figure:
    """A line of results.jsonl of a row, and what it must reach: a number, or (metric, factor, margin) of another line of the same studies."""
    metric: str
    at_least: float | tuple | None = None
    label: str = "macro"
    views: str | None = None  # None: those of the row
    more: dict = field(default_factory=dict)  # other keys of the line, such as direction


@dataclass
class Row:
    """One command on one corpus: finetune with a configuration of configs/tasks, or without one evaluate with --tasks `task`. `settings`: of --set for
    finetune, options of evaluate."""
    task: str
    corpus: str
    views: str = "frontal"
    config: str | None = None
    settings: dict = field(default_factory=dict)
    figures: list = field(default_factory=list)
    shown: float | None = None  # what the macro AUROC of the labels that the corpus's frontals show must reach
    less: str | None = None  # the same with other views: the difference on the same studies must exclude zero
    note: str = ""  # ends the name, where a configuration has several rows on a corpus

    @property
    def name(self):
        return "-".join(part for part in (self.config or self.task, self.corpus, self.views, self.note) if part)


LINEAR, FINETUNED, DICE = 0.85, 0.90, 0.60  # macro AUROC and Dice that are asked for
ABOVE_CONSTANT, TIMES_CHANCE = ("map_constant_box", 1, 0.15), ("pointing_chance", 3, 0)


def two_views(task, corpus, config, target, **settings):
    """Both views, and the frontal alone beside them."""
    alone = Row(task, corpus, "frontal", config, settings, [Figure("auroc")])
    return [alone, Row(task, corpus, "both", config, settings, [Figure("auroc", target)], less=alone.name)]


def main_figure(corpus):
    """COVIDx's classes exclude each other."""
    return Figure("accuracy", label="all") if corpus == "covidx" else Figure("auroc")


def fractions(task, corpus, config, **settings):
    """1 and 10 % of the labels."""
    return [Row(task, corpus, "frontal", config, {"data.fraction": share, **settings}, [Figure("auroc")], note=f"{share:.0%}") for share in (0.01, 0.1)]


def shortened(config, corpus, **settings):
    """A published protocol whose steps and batches are made for 100,000 images."""
    task = "linear" if "linear" in config else "finetune"
    figure = Figure("auroc") if config.startswith("benchx") else main_figure(corpus)  # BenchX's COVID-19 is a label, not one of three classes
    return Row(task, corpus, "frontal", config, {"train.steps": 500, "train.batch": 64, "train.warmup": 20, **settings}, [figure])


def places(task, config, corpus, metric, target=None, **settings):
    """Segmentation or detection; published protocols shortened."""
    return Row(task, corpus, "frontal", config, settings, [Figure(metric, target)])


def learning_places(config, corpus, metric, **settings):
    """A published protocol of segmentation with as many steps as the budget holds, so that it finds places; its own figure is also high where none is found."""
    return Row("segmentation", corpus, "frontal", config, {**SMALL_PLACES, "train.steps": 800, **settings}, [Figure(metric), Figure("dice_positives")])


def learning_boxes(config, corpus, target=None, **settings):
    """The published protocol of detection: all its images go through the frozen tower once, so that steps are cheap."""
    return Row("detection", corpus, "frontal", config, {**FROZEN_BOXES, **settings}, [Figure("map_published"), Figure("map", target)])


def scores(corpus, tasks, *figures, **options):
    """What is measured of the start itself."""
    return Row(tasks, corpus, "frontal", None, options, list(figures))


ZERO_SHOT = [Figure("auroc")]
ZERO_SHOT_BOTH = [Figure("auroc"), Figure("auroc", views="both"), Figure("auroc_difference", 0, views="both", more={"against": "frontal"})]
RETRIEVAL = [Figure("recall_at_10", label="all", views=views, more={"direction": "mean", "candidates": "all"}) for views in ("frontal", "lateral", "both")]
RETRIEVAL.append(Figure("recall_at_10_difference", 0, "all", "both", {"direction": "mean", "against": "frontal"}))
# The mean over findings whose masks cover at most 15 % of the image.
POINTING = [Figure("pointing_game", TIMES_CHANCE, "macro_small", views, {"map": "gradient"}) for views in ("frontal", "lateral")]
# A head of 32 channels takes 0.4 to 0.5 of the time of one of 64, so that there are more steps.
OWN_MASKS = {"dense.image_size": PLACES, "dense.channels": 32, "train.steps": 560}
OWN_BOXES = {"dense.image_size": PLACES, "dense.channels": 32, "train.steps": 340, "train.lr": 0.002}
# Objects of 16 pixels in 320: smaller images do not tell where their edges are.
OWN_MARKS = {"dense.image_size": 2 * PLACES, "dense.channels": 32, "train.batch": 4, "train.steps": 600, "train.lr": 0.002, "train.select_every_steps": 300}
BALANCED = {"data.fraction_rule": "published_siim"}  # as many studies without a mask or box as with one: a tenth of the studies has one
# Protocols made for a ViT-B at 224 or 512 pixels: their head, loss and rates on the small tower of the start.
SMALL_PLACES = {"dense.image_size": PLACES, "dense.channels": 32, "dense.layers": "[]", "train.batch": 16, "train.steps": 150, "train.warmup": 10,
                "data.fraction": 1}
# A frozen tower knows large findings as it saw them, in 80 pixels: of 80, 112 and 160 this was best on the selecting studies.
FROZEN_SIZE = 112
# Rare boxes have low scores.
FROZEN_BOXES = {**SMALL_PLACES, "dense.image_size": FROZEN_SIZE, "dense.channels": 64, "train.steps": 600, "train.lr": 0.002, "train.select_from": 1,
                "train.select_every_steps": 100, "detection.confidence": 0.05, **BALANCED}
BY_STEPS = {"train.select_every_steps": 75}
# Of the start's two blocks the last one: UperNet as it is published reads no stem.
AUXILIARY = {"dense.layers": "[2]", "segmentation.auxiliary_layer": 0, "segmentation.auxiliary_channels": 32}

ROWS = [
    *two_views("linear", "native", "linear", LINEAR),
    Row("linear", "native", "both", "linear", {"head.features": "projected"}, [Figure("auroc")], note="projected"),
    *two_views("finetune", "native", "finetune", FINETUNED),
    *two_views("linear", "chexpert", "linear_chexpert", LINEAR),
    *two_views("finetune", "chexpert", "finetune_chexpert", FINETUNED),
    *two_views("linear", "mimic", "linear", LINEAR, **{"labels.source": "chexpert", "labels.blank": "absent"}),
    Row("linear", "rsna", "frontal", "linear_rsna", {}, [Figure("auroc", LINEAR)]),
    Row("linear", "nih", "frontal", "linear_nih", {}, [Figure("auroc", LINEAR)], shown=LINEAR),
    Row("linear", "covidx", "frontal", "linear_covidx", {}, [Figure("accuracy", label="all")]),
    Row("finetune", "rsna", "frontal", "finetune_rsna", {}, [Figure("auroc", FINETUNED)]),
    Row("finetune", "nih", "frontal", "finetune_nih", {}, [Figure("auroc", FINETUNED)], shown=FINETUNED),
    Row("finetune", "covidx", "frontal", "finetune_covidx", {}, [Figure("accuracy", label="all")]),
    *(row for corpus in ("chexpert", "rsna", "nih") for row in fractions("linear", corpus, f"linear_{corpus}")),
    *(row for corpus in ("chexpert", "rsna", "nih") for row in fractions("finetune", corpus, f"finetune_{corpus}")),
    *(Row("linear", corpus, "frontal", f"mgca_linear_{corpus}", {}, [main_figure(corpus)]) for corpus in ("chexpert", "rsna", "covidx")),
    *(shortened(f"ecamp_linear_{corpus}", corpus) for corpus in ("chexpert", "rsna", "covidx", "nih")),
    *(shortened(f"ecamp_ft_{corpus}", corpus) for corpus in ("chexpert", "rsna", "covidx", "nih")),
    shortened("mrm_ft_nih", "nih", **{"data.fraction": 1}),
    *(shortened(f"benchx_cls_{corpus}", corpus, **{"data.fraction": 1, "train.schedule_steps": 0}) for corpus in ("chexpert", "rsna", "siim", "nih", "covidx")),
    places("segmentation", "segmentation", "siim", "dice_positives", DICE, **OWN_MASKS, **BALANCED),
    places("segmentation", "segmentation", "rsna", "dice_positives", DICE, **OWN_MASKS, **BALANCED),
    learning_places("mgca_seg_siim", "siim", "dice_with_empty_rule_by_batch"),
    learning_places("mgca_seg_rsna", "rsna", "dice_with_empty_rule_by_batch", **{"dense.image_size": FROZEN_SIZE, **BALANCED}),
    places("segmentation", "mrm_seg_siim", "siim", "dice_with_empty_rule", **{**SMALL_PLACES, **BY_STEPS, **AUXILIARY}),
    places("segmentation", "benchx_seg_siim", "siim", "mean_dice", **{**SMALL_PLACES, **BY_STEPS, **AUXILIARY}),
    places("detection", "detection", "rsna", "map", ABOVE_CONSTANT, **OWN_BOXES, **BALANCED),
    places("detection", "detection", "object-cxr", "map", ABOVE_CONSTANT, **OWN_MARKS, **BALANCED),
    learning_boxes("ecamp_det_rsna", "rsna", ABOVE_CONSTANT),
    learning_boxes("ecamp_det_object_cxr", "object-cxr", **{"dense.image_size": PLACES}),
    scores("native", "zero_shot,retrieval", *ZERO_SHOT_BOTH, *RETRIEVAL),
    scores("mimic", "zero_shot,retrieval", *ZERO_SHOT_BOTH, *RETRIEVAL),
    scores("openi", "zero_shot,retrieval", *ZERO_SHOT_BOTH, *RETRIEVAL, prompts="share/prompts/openi.yaml"),
    scores("chexpert", "zero_shot", *ZERO_SHOT_BOTH),
    *(scores(corpus, "zero_shot", *ZERO_SHOT) for corpus in ("rsna", "siim", "nih")),
    scores("chexpert-5x200", "zero_shot,retrieval", Figure("accuracy", label="all"),
           Figure("precision_at_k", label="all", more={"direction": "image_to_image", "k": 5})),
    scores("native", "grounding", *POINTING),
    scores("nih", "grounding", POINTING[0]),
    scores("ms-cxr", "grounding", POINTING[0]),
    scores("chexlocalize", "grounding", *POINTING),
    scores("native", "minimal_pairs", Figure("accuracy", 0.85, "negation", "both"), Figure("accuracy", 0.75, "side", "both"),
           Figure("accuracy", None, "size", "both"), Figure("accuracy", None, "site", "both")),
    scores("openi", "minimal_pairs", Figure("accuracy", None, "macro", "both")),
]
