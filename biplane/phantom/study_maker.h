#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "biplane/phantom/narrative.h"
#include "biplane/phantom/patient.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/truth.h"

namespace biplane {

// Where a study stands: all of it follows from (seed, split, position).
struct StudyPlace {
  std::int64_t index = 0;  // among all studies
  Split split = Split::kTrain;
  std::int64_t position = 0;                     // in its split
  std::int64_t patient = 0;                      // in its split; never in another one
  std::int64_t study_of_patient = 0;             // 0, 1, ...
  std::uint64_t study_key = 0, patient_key = 0;  // for random streams
};
StudyPlace place_study(const PhantomOptions& options, std::int64_t index);

// Folder of a study's images under the output folder: "images/train/000", a thousand studies each;
// of its counterfactuals: "counterfactual/test/000".
std::string image_folder(const char* kind, Split split, std::int64_t position);
inline constexpr const char* kImages = "images";
inline constexpr const char* kCounterfactual = "counterfactual";

// One view of a study with the truth about each finding, in the order of the findings.
struct ViewRender {
  Camera camera;
  Radiograph shot;
  std::vector<FindingTrace> traces;
};

// A study before it is turned into manifest form. Index 0 is the frontal view, 1 the lateral; both
// are always rendered.
struct RenderedStudy {
  Patient patient;
  Acquisition acquisition;
  std::vector<Finding> findings;
  std::array<ViewRender, 2> views;
  std::optional<ViewRender> second_frontal;                    // of the same body, taken once more
  std::vector<std::pair<std::string, FindingTrace>> hardware;  // of the frontal, by label
};

// What chance gives a study before anything is rendered.
struct DrawnStudy {
  Patient patient;
  Acquisition acquisition;
  std::vector<Finding> findings;
  std::array<bool, 2> taken = {true, true};        // frontal, lateral
  std::optional<Acquisition> second_frontal = {};  // where the layout has such studies
};
DrawnStudy draw_study(const PhantomOptions& options, const StudyPlace& place);

// The acquisition styles of a split: the layout's (all where it has none of its own), less those
// that are held out for the test split.
std::vector<std::string> style_names(const PhantomOptions& options, Split split);

// How the findings of a split are drawn.
FindingRules finding_rules(const PhantomOptions& options, Split split);

// One view of a study whose body, findings and acquisition are set.
ViewRender render_view(const RenderedStudy& study, bool lateral, int size,
                       const CounterRandom& noise);

// Renders given findings in a patient's body.
RenderedStudy render_study(const Patient& patient, const Acquisition& acquisition,
                           const std::vector<Finding>& findings, int size,
                           const CounterRandom& noise);

}  // namespace biplane
