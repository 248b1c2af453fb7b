#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "biplane/corpus/corpora/corpus.h"

namespace biplane {

// An image or a study of CheXpert, by the end of its path: what stands before it differs between
// releases and from table to table.
struct ChexpertPath {
  std::string patient;  // "patient00001"
  std::string study;    // "patient00001/study1"
  std::string image;    // "patient00001/study1/view1_frontal"; empty where the path is a study's
};
// Nothing for a path without a folder of a patient and one of a study.
std::optional<ChexpertPath> parse_chexpert_path(const std::string& path);

// What the columns "Frontal/Lateral" and "AP/PA" say: PA, AP, LATERAL, or UNKNOWN for a frontal
// that does not say which; nothing where it is neither. A "Frontal" with the position of a lateral
// is a lateral and counted.
std::optional<ViewPosition> read_chexpert_view(const std::string& side, const std::string& position,
                                               const std::string& example, Funnel& funnel);

// The table of a split (train.csv; valid.csv; test.csv, test_labels.csv, ...) in the root or in one
// folder of it. Throws Error kUsage where several folders have one.
std::optional<std::filesystem::path> find_chexpert_table(const std::filesystem::path& root,
                                                         Split split);

// The studies of the tables of these splits, as far as they are there, with the labels of the
// tables; one study has one or more views. Throws as Corpus::read.
std::vector<Study> read_chexpert(const PrepareOptions& options, Funnel& funnel,
                                 const std::vector<Split>& splits);

}  // namespace biplane
