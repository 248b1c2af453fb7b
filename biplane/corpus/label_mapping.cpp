#include "biplane/corpus/label_mapping.h"

#include <algorithm>
#include <array>

#include "biplane/corpus/chexpert.h"

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

    Row{"openi", "normal", Meaning::kSame, "No Finding"},
    Row{"openi", "Airspace Disease", Meaning::kImplies, "Lung Opacity"},
    Row{"openi", "Atherosclerosis", Meaning::kOwn, ""},
    Row{"openi", "Calcified Granuloma", Meaning::kOwn, ""},
    Row{"openi", "Cicatrix", Meaning::kOwn, ""},
    Row{"openi", "Cardiomegaly", Meaning::kSame, "Cardiomegaly"},
    Row{"openi", "Catheters, Indwelling", Meaning::kSame, "Support Devices"},
    Row{"openi", "Consolidation", Meaning::kSame, "Consolidation"},
    Row{"openi", "Consolidation", Meaning::kImplies, "Lung Opacity"},
    Row{"openi", "Costophrenic Angle", Meaning::kOwn, ""},
    Row{"openi", "Emphysema", Meaning::kOwn, ""},
    Row{"openi", "Fractures, Bone", Meaning::kSame, "Fracture"},
    Row{"openi", "Granulomatous Disease", Meaning::kOwn, ""},
    Row{"openi", "Hernia, Hiatal", Meaning::kOwn, ""},
    Row{"openi", "Hydropneumothorax", Meaning::kImplies, "Pleural Effusion"},
    Row{"openi", "Hydropneumothorax", Meaning::kImplies, "Pneumothorax"},
    Row{"openi", "Implanted Medical Device", Meaning::kSame, "Support Devices"},
    Row{"openi", "Infiltrate", Meaning::kImplies, "Lung Opacity"},
    Row{"openi", "Mass", Meaning::kSame, "Lung Lesion"},
    Row{"openi", "Medical Device", Meaning::kSame, "Support Devices"},
    Row{"openi", "Nodule", Meaning::kSame, "Lung Lesion"},
    Row{"openi", "Opacity", Meaning::kImplies, "Lung Opacity"},
    Row{"openi", "Pleural Effusion", Meaning::kSame, "Pleural Effusion"},
    Row{"openi", "Pneumonia", Meaning::kSame, "Pneumonia"},
    Row{"openi", "Pneumonia", Meaning::kImplies, "Lung Opacity"},
    Row{"openi", "Pneumothorax", Meaning::kSame, "Pneumothorax"},
    Row{"openi", "Pulmonary Atelectasis", Meaning::kSame, "Atelectasis"},
    Row{"openi", "Pulmonary Atelectasis", Meaning::kImplies, "Lung Opacity"},
    Row{"openi", "Pulmonary Congestion", Meaning::kOwn, ""},
    Row{"openi", "Pulmonary Disease, Chronic Obstructive", Meaning::kOwn, ""},
    Row{"openi", "Pulmonary Edema", Meaning::kSame, "Edema"},
    Row{"openi", "Pulmonary Edema", Meaning::kImplies, "Lung Opacity"},
    Row{"openi", "Pulmonary Emphysema", Meaning::kOwn, ""},
    Row{"openi", "Pulmonary Fibrosis", Meaning::kOwn, ""},
    Row{"openi", "Scoliosis", Meaning::kOwn, ""},
    Row{"openi", "Surgical Instruments", Meaning::kOwn, ""},
    Row{"openi", "Tube, Inserted", Meaning::kSame, "Support Devices"},

    Row{"padchest", "normal", Meaning::kSame, "No Finding"},
    Row{"padchest", "alveolar pattern", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "apical pleural thickening", Meaning::kImplies, "Pleural Other"},
    Row{"padchest", "atelectasis", Meaning::kSame, "Atelectasis"},
    Row{"padchest", "atelectasis", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "aortic elongation", Meaning::kOwn, ""},
    Row{"padchest", "atypical pneumonia", Meaning::kSame, "Pneumonia"},
    Row{"padchest", "atypical pneumonia", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "calcified pleural thickening", Meaning::kImplies, "Pleural Other"},
    Row{"padchest", "callus rib fracture", Meaning::kSame, "Fracture"},
    Row{"padchest", "cardiomegaly", Meaning::kSame, "Cardiomegaly"},
    Row{"padchest", "central venous catheter", Meaning::kSame, "Support Devices"},
    Row{"padchest", "central venous catheter via jugular vein", Meaning::kSame, "Support Devices"},
    Row{"padchest", "central venous catheter via subclavian vein", Meaning::kSame,
        "Support Devices"},
    Row{"padchest", "chest drain tube", Meaning::kSame, "Support Devices"},
    Row{"padchest", "clavicle fracture", Meaning::kSame, "Fracture"},
    Row{"padchest", "consolidation", Meaning::kSame, "Consolidation"},
    Row{"padchest", "consolidation", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "COPD signs", Meaning::kOwn, ""},
    Row{"padchest", "dual chamber device", Meaning::kSame, "Support Devices"},
    Row{"padchest", "electrical device", Meaning::kSame, "Support Devices"},
    Row{"padchest", "emphysema", Meaning::kOwn, ""},
    Row{"padchest", "endotracheal tube", Meaning::kSame, "Support Devices"},
    Row{"padchest", "fracture", Meaning::kSame, "Fracture"},
    Row{"padchest", "ground glass pattern", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "hiatal hernia", Meaning::kOwn, ""},
    Row{"padchest", "humeral fracture", Meaning::kSame, "Fracture"},
    Row{"padchest", "hydropneumothorax", Meaning::kImplies, "Pleural Effusion"},
    Row{"padchest", "hydropneumothorax", Meaning::kImplies, "Pneumothorax"},
    Row{"padchest", "infiltrates", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "interstitial pattern", Meaning::kOwn, ""},
    Row{"padchest", "laminar atelectasis", Meaning::kSame, "Atelectasis"},
    Row{"padchest", "laminar atelectasis", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "lobar atelectasis", Meaning::kSame, "Atelectasis"},
    Row{"padchest", "lobar atelectasis", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "loculated pleural effusion", Meaning::kSame, "Pleural Effusion"},
    Row{"padchest", "lung metastasis", Meaning::kImplies, "Lung Lesion"},
    Row{"padchest", "mediastinal enlargement", Meaning::kSame, "Enlarged Cardiomediastinum"},
    Row{"padchest", "multiple nodules", Meaning::kSame, "Lung Lesion"},
    Row{"padchest", "nodule", Meaning::kSame, "Lung Lesion"},
    Row{"padchest", "NSG tube", Meaning::kSame, "Support Devices"},
    Row{"padchest", "pacemaker", Meaning::kSame, "Support Devices"},
    Row{"padchest", "pleural effusion", Meaning::kSame, "Pleural Effusion"},
    Row{"padchest", "pleural plaques", Meaning::kImplies, "Pleural Other"},
    Row{"padchest", "pleural thickening", Meaning::kImplies, "Pleural Other"},
    Row{"padchest", "pneumonia", Meaning::kSame, "Pneumonia"},
    Row{"padchest", "pneumonia", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "pneumothorax", Meaning::kSame, "Pneumothorax"},
    Row{"padchest", "pulmonary edema", Meaning::kSame, "Edema"},
    Row{"padchest", "pulmonary edema", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "pulmonary fibrosis", Meaning::kOwn, ""},
    Row{"padchest", "pulmonary mass", Meaning::kSame, "Lung Lesion"},
    Row{"padchest", "reservoir central venous catheter", Meaning::kSame, "Support Devices"},
    Row{"padchest", "rib fracture", Meaning::kSame, "Fracture"},
    Row{"padchest", "scoliosis", Meaning::kOwn, ""},
    Row{"padchest", "single chamber device", Meaning::kSame, "Support Devices"},
    Row{"padchest", "superior mediastinal enlargement", Meaning::kImplies,
        "Enlarged Cardiomediastinum"},
    Row{"padchest", "total atelectasis", Meaning::kSame, "Atelectasis"},
    Row{"padchest", "total atelectasis", Meaning::kImplies, "Lung Opacity"},
    Row{"padchest", "tracheostomy tube", Meaning::kSame, "Support Devices"},
    Row{"padchest", "vertebral fracture", Meaning::kSame, "Fracture"},
};

// Corpora whose labels are those of CheXpert under its own names.
constexpr std::array kSpeakChexpert = {"mimic", "ms-cxr", "chexpert", "chexpert-5x200",
                                       "chexlocalize"};

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
  return std::find(kSpeakChexpert.begin(), kSpeakChexpert.end(), corpus) != kSpeakChexpert.end();
}

std::vector<std::string> known_labels(const std::string& corpus) {
  if (has_chexpert_labels(corpus)) return {kChexpertLabels.begin(), kChexpertLabels.end()};
  std::vector<std::string> labels;
  for (const Row& row : kRows) {
    const bool fresh = std::find(labels.begin(), labels.end(), row.label) == labels.end();
    if (corpus == row.corpus && fresh) labels.emplace_back(row.label);
  }
  return labels;
}

}  // namespace biplane
