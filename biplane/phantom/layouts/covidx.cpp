// COVIDx, version 9A: three classes.
#include <fmt/format.h>

#include <array>

#include "biplane/phantom/label_maps.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/layouts/names.h"

namespace biplane {
namespace {

constexpr std::array kClasses = {"normal", "pneumonia", "COVID-19"};

const char* folder_of(Split split) {
  return split == Split::kTrain ? "train/" : split == Split::kValidate ? "val/" : "test/";
}

// Old versions have blanks inside file names: lines must be parsed from both ends.
void name_views(const StudyPlace& place, const std::string& ending, std::int64_t, Study& study) {
  constexpr std::uint64_t kOneInThisManyHasABlank = 12;
  const bool blank = stable_hash(study.study_id) % kOneInThisManyHasABlank == 0;
  const std::string name =
      blank ? fmt::format("chest ({})", study_number(place))
            : fmt::format("{}-{}-CXR", patient_number(place), padded(place.study_of_patient, 3));
  for (View& view : study.views) view.path = folder_of(place.split) + name + ending;
}

LayoutEntry describe(const LayoutStudy& made) {
  static constexpr std::array<std::array<const char*, 4>, 3> kSources = {
      {{"rsna", "rsna", "rsna", "rsna"},
       {"rsna", "rsna", "rsna", "cohen"},
       {"cohen", "actmed", "ricord", "sirm"}}};
  const Study& study = made.study;
  const std::string truth = covidx_class(study);
  std::size_t written = 0;
  while (truth != kClasses[written]) ++written;
  NoiseStream noise = made.stream("covidx");
  const bool flips = noise.flips();
  const auto shift = static_cast<std::size_t>(1 + noise.random().below(2));
  if (flips) written = (written + shift) % kClasses.size();
  const char* source = kSources[written][static_cast<std::size_t>(noise.random().below(4))];
  const std::string& path = study.views.front().path;
  LayoutEntry entry;
  entry.rows.emplace_back(static_cast<std::size_t>(study.split),
                          fmt::format("{} {} {} {}", patient_number(made.place),
                                      path.substr(path.rfind('/') + 1), kClasses[written], source));
  return entry;
}

}  // namespace

Layout covidx_layout() {
  return {.name = "covidx",
          .summary = "COVIDx 9A: train.txt, val.txt, test.txt with three classes",
          .formats = {"png"},
          .laterals = false,
          .styles = {"film", "low_dose"},
          .noise = {.flip = 0.04},
          .tables = {{"train.txt", ""}, {"val.txt", ""}, {"test.txt", ""}},  // in order of Split
          .name_views = &name_views,
          .describe = &describe};
}

}  // namespace biplane
