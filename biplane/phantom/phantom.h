#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "biplane/core/progress.h"
#include "biplane/corpus/study.h"
#include "biplane/imaging/image.h"

namespace biplane {

// What `biplane phantom` makes (data.md section 5). The order of studies is train, validate, test;
// a study is a pure function of (seed, size, split, position in its split), so that other counts
// change no study that stays.
struct PhantomOptions {
  std::int64_t studies = 1000;  // in all splits together
  std::int64_t seed = 0;
  std::int64_t size = 256;   // side of the square images in pixels, 32 .. 2048
  std::int64_t threads = 0;  // 0: one per core
  std::string layout =
      "native";  // native: manifest only; pairs: also studies.csv, as `prepare pairs` reads it
  std::string format = "jpeg";  // jpeg (grey, quality 95) or png
  std::int64_t test = -1;       // studies of the test split; -1: a tenth
  std::int64_t validate = -1;   // likewise; -1: a twentieth
  double frontal_only =
      0.25;  // share of TRAINING studies without a lateral, independent of everything else
  double lateral_only = 0.05;  // and without a frontal; validate and test studies have both

  template <class V>
  void visit(V& v) {
    v.field("studies", studies);
    v.field("seed", seed);
    v.field("size", size);
    v.field("threads", threads);
    v.field("layout", layout);
    v.field("format", format);
    v.field("test", test);
    v.field("validate", validate);
    v.field("frontal_only", frontal_only);
    v.field("lateral_only", lateral_only);
  }
};

// Throws Error kUsage naming the key and the values allowed.
void check_phantom(const PhantomOptions& options);

// Studies of each split, after the defaults of `test` and `validate` are resolved.
struct PhantomCounts {
  std::int64_t train = 0, validate = 0, test = 0;
};
PhantomCounts phantom_counts(const PhantomOptions& options);

// One study in memory. `study` is as in the manifest: views (frontal first) hold path, kind and
// size but no hash; boxes, masks and their view index refer to the views present.
struct PhantomStudy {
  GreyImage frontal, lateral;  // (size, size); empty if that view was not taken
  bool has_frontal = false, has_lateral = false;
  Study study;
};

// Pure function of the options' seed, size, counts and `index` in [0, studies). Throws Error kUsage
// for another index.
PhantomStudy make_phantom_study(const PhantomOptions& options, std::int64_t index);

struct PhantomSummary {
  PhantomCounts studies;
  std::int64_t images = 0;
  std::int64_t patients = 0;
  std::map<std::string, std::int64_t> positives;  // finding -> studies that have it
};

// Writes OUT/images/..., OUT/manifest.jsonl, OUT/funnel.json (and OUT/studies.csv for layout pairs)
// and calls progress->advance() for every study, if given. Memory does not grow with the number of
// studies; the files are the same for any number of threads. Throws Error kUsage, kIo.
PhantomSummary write_phantom(const PhantomOptions& options, const std::filesystem::path& out,
                             Progress* progress = nullptr);

}  // namespace biplane
