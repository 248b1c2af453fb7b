#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "biplane/core/files.h"
#include "biplane/corpus/study.h"
#include "biplane/imaging/encode.h"

namespace biplane::testing {

// A grey image of `side` pixels whose content depends on `value`.
inline GreyImage test_image(int value, int side = 24) {
  GreyImage image = make_grey(side, side);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] =
        static_cast<std::uint8_t>((i * 7 + static_cast<std::size_t>(value) * 31) % 256);
  }
  return image;
}

inline void write_test_image(const std::filesystem::path& path, int value, int side = 24) {
  make_folder(path.parent_path());
  write_file_atomically(path, encode_png(test_image(value, side)));
}

inline View test_view(const std::string& path, ViewPosition position) {
  View view;
  view.path = path;
  view.view = position;
  return view;
}

// `count` studies of their own patients with reports; every third has no lateral, every fifth two
// frontals. Edema is present in every second one, a fracture uncertain. Images are written.
inline std::vector<Study> write_test_studies(const std::filesystem::path& root, int count) {
  const std::vector<std::string> findings = {"small left pleural effusion", "no pneumothorax",
                                             "right lower lobe consolidation",
                                             "mild cardiomegaly with edema", "clear lungs"};
  std::vector<Study> studies;
  for (int i = 0; i < count; ++i) {
    Study study;
    study.study_id = "s" + std::to_string(100 + i);
    study.patient_id = "p" + std::to_string(i);
    study.labels_chexpert = {{"Edema", i % 2}, {"Fracture", -1}};
    const auto at = static_cast<std::size_t>(i);
    study.report.text = "There is " + findings[at % findings.size()] +
                        ". The heart is normal, and " + findings[(at / 2 + 1) % findings.size()] +
                        ".";
    study.views.push_back(test_view("images/f" + std::to_string(i) + ".png", ViewPosition::kPA));
    if (i % 5 == 0)
      study.views.push_back(test_view("images/g" + std::to_string(i) + ".png", ViewPosition::kAP));
    if (i % 3 != 0)
      study.views.push_back(
          test_view("images/l" + std::to_string(i) + ".png", ViewPosition::kLateral));
    for (std::size_t v = 0; v < study.views.size(); ++v) {
      write_test_image(root / study.views[v].path, 10 * i + static_cast<int>(v));
    }
    studies.push_back(study);
  }
  return studies;
}

}  // namespace biplane::testing
