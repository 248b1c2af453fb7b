#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "biplane/corpus/study.h"
#include "biplane/eval/head_predictions.h"

namespace biplane {

using GroupsOfStudy = std::map<std::string, std::string>;  // field -> value
using StudyGroups = std::map<std::string, GroupsOfStudy>;  // of each study by its name

// Fields that manifests tell: sex (F, M), age (0-17, 18-39, 40-59, 60-79, 80+), view (of the first
// frontal: PA, AP), lateral (its laterality), source (who labelled).
const std::vector<std::string>& manifest_groups();

// What a study belongs to, without fields that the manifest does not tell.
GroupsOfStudy groups_of(const Study& study);

struct GroupTable {
  std::vector<std::string> fields;
  std::int64_t of_no_study = 0;  // rows of studies that `groups` has not
};

// Adds what a CSV tells of the studies that `groups` has: a column study_id and one a field
// (device, style, hospital). Blank values are left out. Throws Error as CsvReader; kBadContent for
// a row that cannot be trusted, a second one of a study, or a field that manifests tell.
GroupTable add_group_table(const std::filesystem::path& file, StudyGroups& groups);

struct SubgroupOptions {
  std::vector<std::string> fields;
  std::int64_t smallest = 20;  // studies; smaller subgroups have no figure
  BootstrapOptions bootstrap = {};
};

// The AUROC of every class and their mean within each subgroup, as rows of the predictions' own
// task with `subgroup` = "field=value". A subgroup that is too small has one row without a value;
// so has a class with one kind of studies.
std::vector<ResultRow> subgroup_rows(const HeadPredictions& predictions, const StudyGroups& groups,
                                     const SubgroupOptions& options);

}  // namespace biplane
