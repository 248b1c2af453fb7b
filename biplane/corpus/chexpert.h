#pragma once

#include <array>
#include <map>
#include <string>

#include "biplane/corpus/study.h"

namespace biplane {

// The 14 labels of CheXpert in the order of its tables, as Study::labels_chexpert names them.
inline constexpr std::array<const char*, 14> kChexpertLabels = {
    "No Finding",       "Enlarged Cardiomediastinum",
    "Cardiomegaly",     "Lung Opacity",
    "Lung Lesion",      "Edema",
    "Consolidation",    "Pneumonia",
    "Atelectasis",      "Pneumothorax",
    "Pleural Effusion", "Pleural Other",
    "Fracture",         "Support Devices"};

// The label `name` of a table: 1 present, 0 absent, NaN where it is uncertain or not there.
float label_value(const std::map<std::string, int>& labels, const std::string& name);

using ChexpertValues = std::array<float, kChexpertLabels.size()>;

// label_value of each in Study::labels_chexpert.
ChexpertValues chexpert_values(const Study& study);

}  // namespace biplane
