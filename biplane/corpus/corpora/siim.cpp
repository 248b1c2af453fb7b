// SIIM-ACR Pneumothorax Segmentation, either stage.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/corpus.h"
#include "biplane/corpus/corpora/images.h"
#include "biplane/corpus/corpora/masks.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/formats/csv.h"
#include "biplane/formats/rle.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTables = {"stage_2_train.csv", "train-rle.csv"};
constexpr const char* kLabel = "Pneumothorax";
constexpr std::int64_t kSide = 1024;  // of every mask in the corpus

using Runs = std::vector<std::int64_t>;

bool lies_in(const std::string& path, const char* folder) {
  const fs::path parts = path;
  return std::find(parts.begin(), parts.end(), fs::path(folder)) != parts.end();
}

class Reader {
 public:
  Reader(const PrepareOptions& options, Funnel& funnel)
      : options_(options),
        stage_(funnel.stage("rows grouped into images", "rows")),
        images_(options.root) {}

  std::vector<Study> read(Funnel& funnel) {
    const fs::path table = require_table(options_.root, kTables);
    CsvReader csv(table);
    const std::size_t image = csv.column("ImageId"), runs = csv.column("EncodedPixels");
    each_row(csv, stage_, [&](const CsvRow& row, const std::string& place) {
      add_row(field(row, image), field(row, runs), place, row.number, table);
    });
    images_.count_unused(funnel.stage("image files", "files"));
    std::vector<Study> studies = studies_.take();
    const bool own_test = std::any_of(studies.begin(), studies.end(), in_test_folder);
    for (Study& study : studies) {
      add_mask(study);
      study.split =
          place_in_split(study.patient_id, in_test_folder(study) ? Split::kTest : Split::kTrain,
                         own_test, options_);
    }
    return studies;
  }

 private:
  static bool in_test_folder(const Study& study) {
    return lies_in(study.views.front().path, "dicom-images-test");
  }

  void add_row(const std::string& image, const std::string& text, const std::string& place,
               std::int64_t row, const fs::path& table) {
    const std::string example = place + ": " + image;
    if (image.empty()) return stage_.reject("row without an image", place);
    Runs runs;
    try {
      runs = parse_relative_rle(text, kSide, kSide);
    } catch (const Error& error) {
      return stage_.reject("broken run lengths", example + ": " + error.what());
    }
    const int present = rle_area(runs, kSide, kSide) > 0 ? 1 : 0;
    const auto [study, fresh] = studies_.add(image, image, table, row);
    std::set<Runs>& own = runs_[image];
    if (fresh) {
      View view;
      view.path = images_.find(image, "dicom-images-train/" + image + ".dcm");
      study->views.push_back(view);
      study->labels[kLabel] = present;
      stage_.pass();
    } else if (study->labels.at(kLabel) != present) {
      return stage_.reject("empty mask contradicts another row", example);
    } else {
      stage_.drop(own.contains(runs) ? "repeated row" : "merged: further part of a mask", example);
    }
    own.insert(std::move(runs));
  }

  // All parts of a mask together.
  void add_mask(Study& study) {
    if (study.labels.at(kLabel) == 0) return;
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(kSide * kSide), 0);
    for (const Runs& runs : runs_.at(study.study_id)) {
      const std::vector<std::uint8_t> part = decode_rle(runs, kSide, kSide);
      std::transform(pixels.begin(), pixels.end(), part.begin(), pixels.begin(),
                     [](std::uint8_t a, std::uint8_t b) { return std::uint8_t(a | b); });
    }
    study.masks.push_back({0, kLabel, encode_rle(pixels, kSide, kSide), kSide, kSide});
  }

  const PrepareOptions& options_;
  FunnelStage& stage_;
  ImageIndex images_;
  StudyTable studies_;
  std::unordered_map<std::string, std::set<Runs>> runs_;
};

std::vector<Study> read(const PrepareOptions& options, Funnel& funnel) {
  return Reader(options, funnel).read(funnel);
}

}  // namespace

Corpus siim_corpus() {
  return {.name = "siim",
          .summary = "SIIM-ACR Pneumothorax: masks",
          .tree =
              "stage_2_train.csv or train-rle.csv  ImageId,EncodedPixels (the first that is "
              "there)\n"
              "dicom-images-train/STUDY/SERIES/IMAGE.dcm, or any other folders\n"
              "dicom-images-test/...               its images are the split test\n",
          .needs = {{"stage_2_train.csv", "train-rle.csv"}},
          .read = &read,
          .complete = &fit_masks,
          .otherwise = ViewPosition::kPA};
}

}  // namespace biplane
