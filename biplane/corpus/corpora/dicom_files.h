#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "biplane/corpus/corpora/corpus.h"

namespace biplane {

// An image of a PACS export, as its header describes it.
struct PacsImage {
  std::string path;                                 // relative to the root
  std::string study, patient, instance, accession;  // identifiers, in clear
  std::vector<std::string> sources;                 // UIDs of the images it was made of
  ViewPosition view = ViewPosition::kUnknown;
  std::string laterality, sex;
  std::optional<double> age;  // years
  std::int64_t rows = 0, cols = 0;
  bool for_processing = false, for_presentation = false;
  bool burned_in = false;
};

// The radiographs of the chest among all files under the root, by their headers alone, which are
// read in parallel. Everything else is counted.
std::vector<PacsImage> find_pacs_images(const PrepareOptions& options, Funnel& funnel);

}  // namespace biplane
