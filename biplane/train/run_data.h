#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "biplane/corpus/exclusion.h"
#include "biplane/corpus/manifest.h"
#include "biplane/data/config.h"
#include "biplane/data/dataset.h"

namespace biplane {

// What a run reads: the studies, as text and images. Free of LibTorch.
struct RunData {
  std::shared_ptr<const Manifest> manifest;
  PatientExclusion exclusion;  // data.exclude_patients_of
  std::vector<std::int64_t> chosen;
  std::shared_ptr<StudyDataset> dataset;
};

// Indices of the studies that are trained on. Throws Error kUsage where none is left.
std::vector<std::int64_t> chosen_studies(const Manifest& manifest, const DataConfig& config,
                                         const PatientExclusion& exclusion);

// Throws Error as Manifest::read, exclude_patients, make_text_pipeline and chosen_studies do.
RunData read_run_data(const DataConfig& config, std::uint64_t seed);

// Text of the lexicon in effect: data.lexicon, or the shipped one.
std::string lexicon_text(const DataConfig& config);

// Changes with everything that batches are made of: the studies and their places in the manifest,
// reports, images, vocabulary and lexicon; but not with the folder that the corpus lies in.
std::string data_fingerprint(const RunData& data, const DataConfig& config);

// One line for each manifest of data.exclude_patients_of, and for each kind of report that training
// cannot use or reads in part only: missing, without any known word, cut at data.max_tokens.
std::vector<std::string> report_warnings(const RunData& data, const DataConfig& config);

}  // namespace biplane
