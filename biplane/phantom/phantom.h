#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "biplane/core/progress.h"
#include "biplane/corpus/study.h"
#include "biplane/imaging/image.h"
#include "biplane/phantom/report_flips.h"

namespace biplane {

// What `biplane phantom` makes (docs/phantom.md). The order of studies is train, validate, test;
// a study is a pure function of (seed, size, split, position in its split), so that other counts
// change no study that stays.
struct PhantomOptions {
  std::int64_t studies = 1000;  // in all splits together
  std::int64_t seed = 0;
  std::int64_t size = 256;        // side of the square images in pixels, 32 .. 2048
  std::int64_t threads = 0;       // 0: one per core
  std::string layout = "native";  // of a corpus as well: see layouts/layout.h
  std::string format;             // jpeg (grey, quality 95), png or dicom; empty: the layout's own
  std::int64_t test = -1;         // studies of the test split; -1: a tenth
  std::int64_t validate = -1;     // likewise; -1: a twentieth
  double frontal_only =
      0.25;  // share of TRAINING studies without a lateral, independent of everything else
  double lateral_only = 0.05;  // and without a frontal; validate and test studies have both
  // independent; biased: training studies with severe findings lack the lateral four times as often
  // as normal ones, those between twice as often; the shares over all studies stay
  std::string missing = "independent";
  // independent; clinical: as diseases bring findings together (docs/phantom.md has the table)
  std::string co_occurrence = "independent";
  std::vector<std::string> hold_out;         // findings that only test studies have
  std::vector<std::string> hold_out_styles;  // acquisition styles that only test studies have
  bool counterfactual = false;               // also every test study without each of its findings
  bool minimal_pairs = false;  // also reports of test studies that are wrong in one thing

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
    v.field("missing", missing);
    v.field("co_occurrence", co_occurrence);
    v.field("hold_out", hold_out);
    v.field("hold_out_styles", hold_out_styles);
    v.field("counterfactual", counterfactual);
    v.field("minimal_pairs", minimal_pairs);
  }
};

// Throws Error kUsage naming the key and the values allowed.
void check_phantom(const PhantomOptions& options);

// Studies of each split, after the defaults of `test` and `validate` are resolved.
struct PhantomCounts {
  std::int64_t train = 0, validate = 0, test = 0;
};
PhantomCounts phantom_counts(const PhantomOptions& options);

// "jpeg", "png" or "dicom": what is asked for, or the layout's own.
std::string phantom_format(const PhantomOptions& options);

// One image of a study and what its file says about how it was taken.
struct PhantomImage {
  GreyImage grey;              // (size, size)
  FloatImage shown;            // the same before it is rounded to 8 bit, [0, 1]; for DICOM only
  double spacing = 0;          // mm between pixels at the detector
  double source_distance = 0;  // mm from the source to the detector
  double magnification = 1;    // of the middle of the body at the detector
  bool faces_right = false;    // a lateral with the front of the body to the right
};

// One study in memory. `study` is as in the manifest: views (frontal first) hold path, kind and
// size but no hash; boxes, masks and their view index refer to the views present.
struct PhantomStudy {
  GreyImage frontal, lateral;  // (size, size); empty if that view was not taken
  bool has_frontal = false, has_lateral = false;
  std::vector<PhantomImage> images;  // one a view of the study
  std::string style;                 // how it was acquired
  std::vector<ReportFlip> flips;     // of its report, where options.minimal_pairs asks for them
  Study study;
};

// Pure function of the options' seed, size, counts and `index` in [0, studies). Throws Error kUsage
// for another index.
PhantomStudy make_phantom_study(const PhantomOptions& options, std::int64_t index);

// The same study without each of its findings, in their order: same body, way it was taken and
// noise; the report is written for what is left. Empty for a normal study. Same rules and errors as
// make_phantom_study.
std::vector<PhantomStudy> make_counterfactuals(const PhantomOptions& options, std::int64_t index);

struct PhantomSummary {
  PhantomCounts studies;
  std::int64_t images = 0;           // of the studies
  std::int64_t counterfactuals = 0;  // studies of the second manifest
  std::int64_t minimal_pairs = 0;    // flipped reports
  std::int64_t patients = 0;
  std::map<std::string, std::int64_t> positives;  // finding -> studies that have it
};

// Writes the images and tables of the layout, OUT/manifest.jsonl with the truth, OUT/funnel.json
// (and OUT/counterfactual/..., OUT/counterfactual.jsonl and OUT/minimal_pairs.jsonl, a line a
// flipped report, where asked for) and calls
// progress->advance() for every study, if given. Memory does not grow with the number of studies;
// the files are the same for any number of threads. `label_noise`: the layout's tables err as its
// corpus does; tests turn it off. Throws Error kUsage, kIo.
PhantomSummary write_phantom(const PhantomOptions& options, const std::filesystem::path& out,
                             Progress* progress = nullptr, bool label_noise = true);

}  // namespace biplane
