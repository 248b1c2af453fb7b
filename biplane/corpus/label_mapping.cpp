#include "biplane/corpus/label_mapping.h"

#include <algorithm>
#include <array>

namespace biplane {
namespace {

enum class Meaning {
  kSame,     // present and absent mean the same
  kImplies,  // present implies it; absent says nothing (a part of it, or one cause of several)
  kOwn,      // CheXpert has no such label
};

struct Row {
  const char* corpus;
  const char* label;
  Meaning meaning;
  const char* chexpert;
};

// As in CheXpert's hierarchy, consolidation, edema, pneumonia and atelectasis are lung opacities.
constexpr std::array kRows = {
    Row{"rsna", "Lung Opacity", Meaning::kSame, "Lung Opacity"},
    Row{"rsna", "Lung Opacity", Meaning::kSame, "Pneumonia"},  // what its readers looked for
    Row{"rsna", "Normal", Meaning::kSame, "No Finding"},
    Row{"rsna", "No Lung Opacity / Not Normal", Meaning::kOwn, ""},

    Row{"siim", "Pneumothorax", Meaning::kSame, "Pneumothorax"},

    Row{"nih", "Atelectasis", Meaning::kSame, "Atelectasis"},
    Row{"nih", "Atelectasis", Meaning::kImplies, "Lung Opacity"},
    Row{"nih", "Cardiomegaly", Meaning::kSame, "Cardiomegaly"},
    Row{"nih", "Consolidation", Meaning::kSame, "Consolidation"},
    Row{"nih", "Consolidation", Meaning::kImplies, "Lung Opacity"},
    Row{"nih", "Edema", Meaning::kSame, "Edema"},
    Row{"nih", "Edema", Meaning::kImplies, "Lung Opacity"},
    Row{"nih", "Effusion", Meaning::kSame, "Pleural Effusion"},
    Row{"nih", "Emphysema", Meaning::kOwn, ""},
    Row{"nih", "Fibrosis", Meaning::kOwn, ""},
    Row{"nih", "Hernia", Meaning::kOwn, ""},
    Row{"nih", "Infiltration", Meaning::kImplies, "Lung Opacity"},
    Row{"nih", "Mass", Meaning::kSame, "Lung Lesion"},
    Row{"nih", "Nodule", Meaning::kSame, "Lung Lesion"},
    Row{"nih", "Pleural_Thickening", Meaning::kImplies, "Pleural Other"},
    Row{"nih", "Pneumonia", Meaning::kSame, "Pneumonia"},
    Row{"nih", "Pneumonia", Meaning::kImplies, "Lung Opacity"},
    Row{"nih", "Pneumothorax", Meaning::kSame, "Pneumothorax"},
    Row{"nih", "No Finding", Meaning::kSame, "No Finding"},

    Row{"covidx", "normal", Meaning::kSame, "No Finding"},
    Row{"covidx", "pneumonia", Meaning::kImplies, "Pneumonia"},
    Row{"covidx", "COVID-19", Meaning::kOwn, ""},

    Row{"object-cxr", "Foreign Object", Meaning::kOwn, ""},

    Row{"vindr", "Aortic enlargement", Meaning::kImplies, "Enlarged Cardiomediastinum"},
    Row{"vindr", "Atelectasis", Meaning::kSame, "Atelectasis"},
    Row{"vindr", "Atelectasis", Meaning::kImplies, "Lung Opacity"},
    Row{"vindr", "Calcification", Meaning::kOwn, ""},
    Row{"vindr", "Cardiomegaly", Meaning::kSame, "Cardiomegaly"},
    Row{"vindr", "Clavicle fracture", Meaning::kImplies, "Fracture"},
    Row{"vindr", "Consolidation", Meaning::kSame, "Consolidation"},
    Row{"vindr", "Consolidation", Meaning::kImplies, "Lung Opacity"},
    Row{"vindr", "Edema", Meaning::kSame, "Edema"},
    Row{"vindr", "Edema", Meaning::kImplies, "Lung Opacity"},
    Row{"vindr", "Emphysema", Meaning::kOwn, ""},
    Row{"vindr", "Enlarged PA", Meaning::kOwn, ""},
    Row{"vindr", "ILD", Meaning::kOwn, ""},
    Row{"vindr", "Infiltration", Meaning::kImplies, "Lung Opacity"},
    Row{"vindr", "Lung Opacity", Meaning::kImplies, "Lung Opacity"},  // where nothing narrower fits
    Row{"vindr", "Lung cavity", Meaning::kOwn, ""},
    Row{"vindr", "Lung cyst", Meaning::kOwn, ""},
    Row{"vindr", "Mediastinal shift", Meaning::kOwn, ""},
    Row{"vindr", "Nodule/Mass", Meaning::kSame, "Lung Lesion"},
    Row{"vindr", "Other lesion", Meaning::kOwn, ""},
    Row{"vindr", "Pleural effusion", Meaning::kSame, "Pleural Effusion"},
    Row{"vindr", "Pleural thickening", Meaning::kImplies, "Pleural Other"},
    Row{"vindr", "Pneumothorax", Meaning::kSame, "Pneumothorax"},
    Row{"vindr", "Pulmonary fibrosis", Meaning::kOwn, ""},
    Row{"vindr", "Rib fracture", Meaning::kImplies, "Fracture"},
    Row{"vindr", "No finding", Meaning::kSame, "No Finding"},
};

// Corpora that were labelled with the 14 of CheXpert.
constexpr std::array kOwnLabels = {"chexpert", "chexpert-5x200", "chexlocalize"};

// What outranks what where several labels speak of one: present, uncertain, absent.
int rank_of(int value) { return value == 1 ? 2 : value == -1 ? 1 : 0; }

}  // namespace

std::map<std::string, int> chexpert_of(const std::string& corpus,
                                       const std::map<std::string, int>& labels) {
  if (has_chexpert_labels(corpus)) return labels;
  std::map<std::string, int> out;
  for (const Row& row : kRows) {
    const auto label = corpus == row.corpus ? labels.find(row.label) : labels.end();
    if (label == labels.end() || row.meaning == Meaning::kOwn) continue;
    if (label->second == 0 && row.meaning == Meaning::kImplies) continue;
    const auto [known, fresh] = out.emplace(row.chexpert, label->second);
    if (!fresh && rank_of(label->second) > rank_of(known->second)) known->second = label->second;
  }
  return out;
}

bool has_chexpert_labels(const std::string& corpus) {
  return std::find(kOwnLabels.begin(), kOwnLabels.end(), corpus) != kOwnLabels.end();
}

std::vector<std::string> known_labels(const std::string& corpus) {
  std::vector<std::string> labels;
  for (const Row& row : kRows) {
    const bool fresh = std::find(labels.begin(), labels.end(), row.label) == labels.end();
    if (corpus == row.corpus && fresh) labels.emplace_back(row.label);
  }
  return labels;
}

}  // namespace biplane
