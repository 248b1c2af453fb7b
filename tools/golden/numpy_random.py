"""tests/golden/numpy_random: NumPy's legacy generator and the rows that libraries draw with it."""
import hashlib

import numpy
import pandas
from sklearn.model_selection import train_test_split

from folder import Part

SEEDS, KEY = (3, 2026, 4294967294), [2026, 7, 4294967295]
BOUNDS = (1, 2, 5, 6, 300, 65536, 3000000000, 4294967296, 4294967299, 10 ** 15, 2 ** 63 - 1)
LENGTHS, CHOICES = (0, 1, 2, 7, 640, 5001), ((7, 7), (700, 20), (6, 0))
PROBABILITIES = [0.1, 0.2, 0.3, 0.4]
SHARES = ({"test_size": 0.1}, {"test_size": 0.3}, {"test_size": 3},
          {"train_size": 0.65, "test_size": 0.15})
FRACTIONS = (0.01, 0.1, 0.5, 1.0)
CALLS = (("random_sample", lambda random: random.random_sample(3)),
         ("randint(0,10,5)", lambda random: random.randint(0, 10, 5)),
         ("normal(size=1)", lambda random: random.normal(size=1)),
         ("permutation(6)", lambda random: random.permutation(6)),
         ("normal(size=2)", lambda random: random.normal(size=2)),
         ("choice(9,4,replace=False)", lambda random: random.choice(9, 4, replace=False)),
         ("random_sample", lambda random: random.random_sample(2)))


def draw(folder):
    """What is asked for: every stream has the same questions, which compute() answers."""
    streams = [{"seed": seed, "randint": dict.fromkeys(map(str, BOUNDS)),
                "permutation": dict.fromkeys(map(str, LENGTHS)),
                "choice_without": {f"{n},{count}": None for n, count in CHOICES},
                "choice_with": {"9,11": None, "1,3": None, "70000,8": None}} for seed in SEEDS]
    folder.save_json("random_state.json", {"streams": streams, "array_seed": {"seed": KEY}})
    splits = [{"n": n, **shares, "random_state": seed, "stratify": None}
              for seed in SEEDS[:2] for n in (9, 30, 257) for shares in SHARES]
    # Four classes of which two have the same remainder, so that chance decides between them.
    labels = [(0, 1, 1, 2, 0, 3, 2, 0, 1, 2, 0, 0)[i % 12] for i in range(90)]
    splits += [{"n": len(labels), **shares, "random_state": seed, "stratify": labels}
               for seed in SEEDS[:2] for shares in SHARES if shares["test_size"] != 3]
    folder.save_json("train_test_split.json", splits)
    sizes = [{"frac": fraction} for fraction in FRACTIONS] + [{"k": 5}]
    folder.save_json("dataframe_sample.json", [{"n": n, "random_state": seed, **size}
                                               for seed in SEEDS[:2] for n in (6, 50, 250)
                                               for size in sizes])


def shortened(numbers):
    content = numpy.asarray(numbers, dtype="<i8").tobytes()
    return {"n": len(numbers), "first": [int(v) for v in numbers[:20]],
            "last": [int(v) for v in numbers[-5:]], "sha256": hashlib.sha256(content).hexdigest()}


def answers(stream):
    def fresh():
        return numpy.random.RandomState(stream["seed"])

    def pair(text):
        return map(int, text.split(","))

    def choice(text, replace):
        n, count = pair(text)
        return fresh().choice(n, count, replace=replace)

    rows = [[2 * i, 2 * i + 1] for i in range(6)]
    numbers = list(range(10, 30))
    fresh().shuffle(rows)
    fresh().shuffle(numbers)
    generator = fresh()
    return {
        "seed": stream["seed"],
        "raw_uint32": fresh().randint(0, 2 ** 32, 10, dtype=numpy.uint32).tolist(),
        "random_sample": fresh().random_sample(10).tolist(),
        "uniform_minus2_5": fresh().uniform(-2, 5, 5).tolist(),
        "randint": {n: fresh().randint(0, int(n), 12, dtype=numpy.int64).tolist()
                    for n in stream["randint"]},
        "permutation": {n: shortened(fresh().permutation(int(n))) for n in stream["permutation"]},
        "shuffle_10_to_29": numbers,
        "shuffle_rows_of_6x2": rows,
        "choice_without": {text: shortened(choice(text, False))
                           for text in stream["choice_without"]},
        "choice_with": {text: choice(text, True).tolist() for text in stream["choice_with"]},
        "choice_with_probabilities": fresh().choice(4, 12, p=PROBABILITIES).tolist(),
        "normal": fresh().normal(size=11).tolist(),
        "normal_loc3_scale2": fresh().normal(3, 2, 5).tolist(),
        "two_calls_in_a_row": [[name, call(generator).tolist()] for name, call in CALLS]}


def split(entry):
    sizes = {key: entry[key] for key in ("train_size", "test_size") if key in entry}
    train, test = train_test_split(range(entry["n"]), **sizes, stratify=entry["stratify"],
                                   random_state=entry["random_state"])
    return {**entry, "test": test, "train": len(train), "train_first": train[:20]}


def sample(entry):
    size = {"frac": entry["frac"]} if "frac" in entry else {"n": entry["k"]}
    frame = pandas.DataFrame({"row": range(entry["n"])})
    rows = frame.sample(**size, random_state=entry["random_state"])["row"].tolist()
    return {**entry, "count": len(rows), "rows": rows[:200]}


def compute(folder, dtype):
    """numpy 2.4.6 `RandomState`, scikit-learn 1.9.1, pandas 3.1.1.

    `random_state.json`: per seed a fresh generator for EACH entry (but `two_calls_in_a_row`: one
    generator, calls in order). Permutations and choices without replacement: length, first 20,
    last 5, SHA-256 of all values as little-endian int64. `randint` is `randint(0, n)`,
    `choice_with` is `choice(n, count)`; probabilities are 0.1, 0.2, 0.3, 0.4;
    `choice_without_with_probabilities` draws three. `array_seed`: seeded by a list
    (init_by_array).

    `train_test_split.json`: `test` = all test rows in the returned order, `train` = their count,
    `train_first` = the first 20; `stratify` = the labels or null.

    `dataframe_sample.json`: `DataFrame.sample`, the first 200 rows; `frac` or `k` rows asked for,
    `count` got.

    Integers and uniform numbers are exact, normal numbers to 1e-15 relative (logarithm and root of
    the platform)."""
    values = folder.load_json("random_state.json")
    streams = []
    for stream in values["streams"]:
        streams.append(answers(stream))
        if "choice_without_with_probabilities" in stream or "raw_uint32" not in stream:
            streams[-1]["choice_without_with_probabilities"] = numpy.random.RandomState(
                stream["seed"]).choice(4, 3, replace=False, p=PROBABILITIES).tolist()
    key = values["array_seed"]["seed"]
    uniform = numpy.random.RandomState(key).random_sample(5).tolist()
    return {"random_state.json": {"streams": streams,
                                  "array_seed": {"seed": key, "random_sample": uniform}},
            "train_test_split.json": [split(e) for e in folder.load_json("train_test_split.json")],
            "dataframe_sample.json": [sample(e) for e in folder.load_json("dataframe_sample.json")]}


PARTS = {"numpy_random": Part("Legacy random numbers", draw, compute, 2e-15, tables=(),
                              exact=True)}
