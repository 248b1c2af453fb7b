#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "biplane/phantom/narrative.h"
#include "biplane/phantom/patient.h"
#include "biplane/phantom/phantom.h"
#include "biplane/phantom/truth.h"

namespace biplane {

// Where a study stands: all of it follows from (seed, split, position).
struct StudyPlace {
  Split split = Split::kTrain;
  std::int64_t position = 0;  // in its split
  std::int64_t patient = 0;   // in its split; never in another one
  bool first_of_patient = false;
  std::uint64_t study_key = 0, patient_key = 0;  // for random streams
};
StudyPlace place_study(const PhantomOptions& options, std::int64_t index);

// Folder of a study's images under the output folder: "images/train/000", a thousand studies each.
std::string image_folder(Split split, std::int64_t position);

// One view of a study with the truth about each finding, in the order of the findings.
struct ViewRender {
  Camera camera;
  Radiograph shot;
  std::vector<FindingTrace> traces;
};

// A study before it is turned into manifest form. Index 0 is the frontal view, 1 the lateral; both
// are always rendered.
struct RenderedStudy {
  Patient patient;  // as body_of gives it
  Acquisition acquisition;
  std::vector<Finding> findings;
  std::array<ViewRender, 2> views;
};

// Renders given findings in a given body.
RenderedStudy render_study(const Patient& patient, const Acquisition& acquisition,
                           const std::vector<Finding>& findings, int size,
                           const CounterRandom& noise);

}  // namespace biplane
