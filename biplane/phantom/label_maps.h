#pragma once

#include <string>
#include <vector>

#include "biplane/corpus/study.h"

namespace biplane {

// What Object-CXR would draw around something.
enum class ForeignShape { kNone, kRectangle, kEllipse, kPolygon };

// What a label of the phantom is called in the corpora that it is written out as (CheXpert-14: see
// finding.h).
struct CorpusLabels {
  std::vector<const char*> nih;   // of NIH-14; empty: none
  const char* nih_box = nullptr;  // in BBox_List_2017.csv, which knows eight; null: no boxes
  bool rsna_opacity = false;      // a lung opacity that RSNA's readers box
  const char* covidx = nullptr;   // class of COVIDx; null: normal
  const char* mesh = nullptr;     // heading in OpenI
  ForeignShape foreign = ForeignShape::kNone;  // in Object-CXR
};

// By the name of a finding, or of the hardware below. Throws Error kFailure for an unknown name.
const CorpusLabels& corpus_labels(const std::string& label);

// Hardware that belongs to the body and is no finding; the Object-CXR layout boxes it.
inline constexpr const char* kSternotomyWires = "sternotomy_wires";
inline constexpr const char* kClips = "clips";

// Labels of NIH-14 that a study has, in the order of the alphabet; empty: No Finding.
std::vector<std::string> nih_labels(const Study& study);
// Share of the studies that one of NIH-14 is true of, findings being independent.
double nih_prevalence(const std::string& label);
// "normal", "pneumonia" or "COVID-19"; the last named wins.
const char* covidx_class(const Study& study);

}  // namespace biplane
