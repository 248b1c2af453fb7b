"""What the scripts that make docs/evidence share: running the program, lines that are appended once, and comparing two heads on the same studies."""
import hashlib
import json
import math
import os
import pathlib
import random
import subprocess

REPEATS = 500  # of a bootstrap here


class Program:
    """build/bin/biplane; every command is shown before it runs."""

    def __init__(self, build):
        self.path = pathlib.Path(build) / "bin" / "biplane"

    def __call__(self, *arguments):
        """Seconds of processor time that the command took, which other work on the machine does not change much."""
        command = [str(self.path), *map(str, arguments)]
        print("$", " ".join(command), flush=True)
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise subprocess.CalledProcessError(child.returncode, command)
        return used.ru_utime + used.ru_stime

    def version(self):
        return subprocess.run([str(self.path), "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]


def make_phantom(program, folder, **options):
    """A phantom, once: manifest.jsonl is there only when all of it is. An option that is True is a flag. A folder that says it was made with others is refused."""
    words = [str(word) for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value) if word is not True]
    made = folder.parent / f"{folder.name}.options.json"
    if not (folder / "manifest.jsonl").exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(json.dumps(words))
        program("phantom", "--out", folder, *words)
    elif made.exists() and json.loads(made.read_text()) != words:
        raise SystemExit(f"{folder} was made with other options ({made.name}); remove it or give another --out")
    return folder


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def append_line(path, line):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def settings_of(values):
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def weights_sha256(run):
    folder = run / "model" if (run / "model").exists() else run
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


class Predictions:
    """Scores and truth of one column of a run's predictions.jsonl, by study."""

    def __init__(self, run, views):
        head, *rows = read_lines(run / "predictions.jsonl")
        self.classes = head["classes"]
        populations = {row["population"] for row in rows if row["views"] == views}
        wanted = "" if "" in populations else "all"  # studies with both views where there are any
        self.rows = {row["study"]: row for row in rows if row["views"] == views and row["population"] == wanted}


class RankedClass:
    """One class of one head on given studies, sorted once, so that every draw of patients is one pass."""

    def __init__(self, predictions, studies, index):
        known = [place for place, study in enumerate(studies) if predictions.rows[study]["truth"][index] is not None]
        score = {place: predictions.rows[studies[place]]["probability"][index] for place in known}
        self.order = sorted(known, key=lambda place: score[place])
        self.positive = {place: predictions.rows[studies[place]]["truth"][index] == 1 for place in known}
        self.tied = [i + 1 < len(self.order) and score[self.order[i]] == score[self.order[i + 1]] for i in range(len(self.order))]

    def auroc(self, weight):
        """None where the draw has no positive or no negative."""
        below = wins = positives = tie_positive = tie_negative = 0.0
        for place, tied in zip(self.order, self.tied):
            if self.positive[place]:
                tie_positive += weight[place]
            else:
                tie_negative += weight[place]
            if not tied:
                wins += tie_positive * (below + tie_negative / 2)
                positives += tie_positive
                below += tie_negative
                tie_positive = tie_negative = 0.0
        return wins / (positives * below) if positives > 0 and below > 0 else None


def macro(ranked, weight):
    values = [value for value in (one.auroc(weight) for one in ranked) if value is not None]
    return sum(values) / len(values) if values else None


def macro_auroc(predictions):
    """Macro AUROC of one head on all studies of its column."""
    studies = sorted(predictions.rows)
    return macro([RankedClass(predictions, studies, index) for index in range(len(predictions.classes))], [1.0] * len(studies))


def macro_over(predictions, labels, repeats=REPEATS):
    """Macro AUROC over some labels with a 95 % interval over patients, as a line has them."""
    studies = sorted(predictions.rows)
    patients = [predictions.rows[study]["patient"] for study in studies]
    ranked = [RankedClass(predictions, studies, predictions.classes.index(label)) for label in labels]
    values = [value for value in (macro(ranked, weight) for weight in draws_of(patients, repeats)) if value is not None]
    low, high = percentiles(values) if values else (None, None)
    return {"value": macro(ranked, [1.0] * len(studies)), "low": low, "high": high, "n": len(studies)}


def draws_of(patients, repeats):
    """Weights of studies, one draw of patients after another: the same for all figures on the same studies."""
    generator, names = random.Random(0), sorted(set(patients))
    for _ in range(repeats):
        count = dict.fromkeys(names, 0)
        for name in generator.choices(names, k=len(names)):
            count[name] += 1
        yield [float(count[name]) for name in patients]


class PairedHeads:
    """Macro AUROC of two heads on the studies and classes that both have, and of their difference, on one draw of patients after another."""

    def __init__(self, one, other):
        studies = sorted(one.rows.keys() & other.rows.keys())
        classes = [name for name in one.classes if name in other.classes]
        self.patients = [one.rows[study]["patient"] for study in studies]
        self.ranked = [[RankedClass(head, studies, head.classes.index(name)) for name in classes] for head in (one, other)]
        self.studies = len(studies)

    def difference(self, weight=None):
        weight = weight or [1.0] * self.studies
        values = [macro(ranked, weight) for ranked in self.ranked]
        return None if None in values else values[0] - values[1]

    def draws(self, repeats=REPEATS):
        for weight in draws_of(self.patients, repeats):
            yield self.difference(weight)


def percentiles(values):
    values = sorted(values)
    return values[int(0.025 * (len(values) - 1))], values[math.ceil(0.975 * (len(values) - 1))]


def paired_difference(one, other):
    """Macro AUROC of one head less that of the other, with a 95 % interval over patients."""
    heads = PairedHeads(one, other)
    low, high = percentiles([value for value in heads.draws() if value is not None])
    return {"value": heads.difference(), "low": low, "high": high, "n": heads.studies}


def two_level_difference(pairs):
    """The mean difference over pairs of runs (one a seed) with the interval of biplane/tasks/ablation_effects.h: the draws of the
    patients, each with Student's t of what the seeds differ by."""
    heads = [PairedHeads(*pair) for pair in pairs]
    each = [one.difference() for one in heads]
    mean, freedom = sum(each) / len(each), len(each) - 1
    error = math.sqrt(sum((value - mean) ** 2 for value in each) / freedom / len(each)) if freedom else 0.0
    generator, mixture = random.Random(1), []
    for draw in zip(*(one.draws() for one in heads)):
        if None in draw:
            continue
        for _ in range(20):
            t = generator.gauss(0, 1) / math.sqrt(generator.gammavariate(freedom / 2, 2) / freedom) if freedom else 0.0
            mixture.append(sum(draw) / len(draw) + error * t)
    low, high = percentiles(mixture)
    return {"value": mean, "low": low, "high": high, "n": heads[0].studies, "seeds": len(pairs), "each": each}
