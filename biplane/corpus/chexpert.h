#pragma once

#include <array>

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

using ChexpertValues = std::array<float, kChexpertLabels.size()>;

// 1 present, 0 absent, NaN for a label that is uncertain or that the study does not have.
ChexpertValues chexpert_values(const Study& study);

}  // namespace biplane
