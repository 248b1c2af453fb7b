#include "biplane/phantom/study_maker.h"

#include <algorithm>
#include <array>
#include <string>

#include "biplane/core/error.h"
#include "biplane/formats/rle.h"
#include "biplane/phantom/regions.h"
#include "biplane/phantom/signs.h"

namespace biplane {
namespace {

constexpr std::int64_t kBlock = 10;                                           // studies of
constexpr std::array<std::int64_t, 7> kPatientSizes = {3, 2, 1, 1, 1, 1, 1};  // these patients

ViewRender render_view(const RenderedStudy& study, bool lateral, int size, CounterRandom noise) {
  const Pose pose = lateral ? Pose::kLateral : Pose::kFrontal;
  ViewRender view;
  view.camera =
      lateral ? lateral_camera(study.acquisition, size) : frontal_camera(study.acquisition, size);
  const ProjectedScene scene(build_scene(study.patient, study.acquisition, study.findings, pose),
                             view.camera);
  view.shot = expose(scene.attenuation(), scene.body(), study.acquisition, view.camera, noise);
  for (std::size_t i = 0; i < study.findings.size(); ++i) {
    std::vector<Finding> others = study.findings;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    const Scene without = build_scene(study.patient, study.acquisition, others, pose);
    view.traces.push_back(
        trace_finding(scene.difference(without), view.shot, view.camera, lateral));
  }
  return view;
}

std::string numbered(const char* prefix, std::int64_t number) {
  std::string digits = std::to_string(number);
  return prefix + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

// Which views were taken: in training by chance alone, else both.
std::array<bool, 2> views_taken(const PhantomOptions& options, const StudyPlace& place) {
  if (place.split != Split::kTrain) return {true, true};
  CounterRandom random(static_cast<std::uint64_t>(options.seed), "phantom/views",
                       {place.study_key});
  const double u = random.uniform();
  if (u < options.frontal_only) return {true, false};
  if (u < options.frontal_only + options.lateral_only) return {false, true};
  return {true, true};
}

// Masks, boxes and sight of the findings.
void add_truth(const RenderedStudy& rendered, const std::array<bool, 2>& taken, Study& study) {
  static constexpr const char* kNames[2] = {"frontal", "lateral"};
  for (std::size_t i = 0; i < rendered.findings.size(); ++i) {
    const std::string label = finding_name(rendered.findings[i].kind);
    std::int64_t view_index = 0;
    std::vector<std::string>& seen = study.visible_in[label];
    for (std::size_t v = 0; v < 2; ++v) {
      const ViewRender& view = rendered.views[v];
      const bool visible = view.traces[i].detectability >= kVisible;
      if (visible) seen.push_back(kNames[v]);
      if (taken[v] && visible && view.traces[i].area > 0) {
        const std::int64_t size = view.camera.size;
        study.masks.push_back(
            {view_index, label, encode_rle(view.traces[i].mask, size, size), size, size});
        for (const PixelBox& box : region_boxes(view.traces[i].mask, static_cast<int>(size)))
          study.boxes.push_back(
              {view_index, label, double(box.x), double(box.y), double(box.w), double(box.h), ""});
      }
      view_index += taken[v] ? 1 : 0;
    }
  }
}

void add_labels(const std::vector<Finding>& findings, Study& study) {
  for (int i = 0; i < kFindingKinds; ++i) {
    const FindingKind kind = static_cast<FindingKind>(i);
    study.labels[finding_name(kind)] = 0;
    for (const std::string& label : chexpert_labels(kind)) study.labels_chexpert.emplace(label, 0);
  }
  study.labels_chexpert["No Finding"] = findings.empty() ? 1 : 0;
  for (const Finding& finding : findings) {
    study.labels[finding_name(finding.kind)] = 1;
    for (const std::string& label : chexpert_labels(finding.kind)) study.labels_chexpert[label] = 1;
  }
}

void add_views(const PhantomOptions& options, const StudyPlace& place,
               const RenderedStudy& rendered, PhantomStudy& made) {
  const std::string folder = image_folder(place.split, place.position) + "/";
  const std::string ending = options.format == "png" ? ".png" : ".jpg";
  for (const bool lateral : {false, true}) {
    if (!(lateral ? made.has_lateral : made.has_frontal)) continue;
    View view;
    view.path =
        folder + numbered("s", place.position) + (lateral ? "_lateral" : "_frontal") + ending;
    view.view = lateral                   ? ViewPosition::kLateral
                : rendered.acquisition.ap ? ViewPosition::kAP
                                          : ViewPosition::kPA;
    view.laterality = lateral ? "L" : "";
    view.rows = view.cols = options.size;
    made.study.views.push_back(view);
  }
}

Report write_report(const PhantomOptions& options, const StudyPlace& place,
                    const RenderedStudy& rendered) {
  NarrativeInput input;
  input.findings = rendered.findings;
  input.signs = body_signs(rendered.patient, rendered.acquisition);
  input.held_out_phrasings = place.split != Split::kTrain;
  for (std::size_t i = 0; i < rendered.findings.size(); ++i) {
    const double best = std::max(rendered.views[0].traces[i].detectability,
                                 rendered.views[1].traces[i].detectability);
    input.visibility.push_back(best >= kVisible  ? Visibility::kPlain
                               : best >= kHidden ? Visibility::kDoubtful
                                                 : Visibility::kHidden);
  }
  return write_narrative(input, phantom_grammar(), static_cast<std::uint64_t>(options.seed),
                         place.study_key)
      .report;
}

}  // namespace

std::string image_folder(Split split, std::int64_t position) {
  return std::string("images/") + split_name(split) + "/" + numbered("", position / 1000).substr(3);
}

StudyPlace place_study(const PhantomOptions& options, std::int64_t index) {
  const PhantomCounts counts = phantom_counts(options);
  if (index < 0 || index >= options.studies)
    throw Error(ErrorKind::kUsage, "phantom: study " + std::to_string(index) + " is not in 0 .. " +
                                       std::to_string(options.studies - 1));
  StudyPlace place;
  place.position = index;
  if (index >= counts.train) {
    place.split = Split::kValidate;
    place.position -= counts.train;
    if (place.position >= counts.validate) {
      place.split = Split::kTest;
      place.position -= counts.validate;
    }
  }
  const std::uint64_t split = static_cast<std::uint64_t>(place.split);
  const std::int64_t block = place.position / kBlock;
  CounterRandom random(static_cast<std::uint64_t>(options.seed), "phantom/patients",
                       {split, static_cast<std::uint64_t>(block)});
  const std::vector<std::int64_t> order =
      random.permutation(static_cast<std::int64_t>(kPatientSizes.size()));
  std::int64_t left = place.position % kBlock, patient = 0;
  while (left >= kPatientSizes[static_cast<std::size_t>(order[static_cast<std::size_t>(patient)])])
    left -= kPatientSizes[static_cast<std::size_t>(order[static_cast<std::size_t>(patient++)])];
  place.patient = block * static_cast<std::int64_t>(kPatientSizes.size()) + patient;
  place.first_of_patient = left == 0;
  place.study_key = split << 48 | static_cast<std::uint64_t>(place.position);
  place.patient_key = split << 48 | static_cast<std::uint64_t>(place.patient);
  return place;
}

RenderedStudy render_study(const Patient& patient, const Acquisition& acquisition,
                           const std::vector<Finding>& findings, int size,
                           const CounterRandom& noise) {
  RenderedStudy study;
  study.patient = body_of(patient, findings);
  study.acquisition = acquisition;
  study.findings = findings;
  CounterRandom frontal = noise, lateral(noise);
  lateral = CounterRandom(lateral.next_u64(), "phantom/noise-lateral");
  frontal = CounterRandom(frontal.next_u64(), "phantom/noise-frontal");
  study.views[0] = render_view(study, false, size, frontal);
  study.views[1] = render_view(study, true, size, lateral);
  return study;
}

PhantomStudy make_phantom_study(const PhantomOptions& options, std::int64_t index) {
  check_phantom(options);
  const std::uint64_t seed = static_cast<std::uint64_t>(options.seed);
  const StudyPlace place = place_study(options, index);
  RenderedStudy rendered =
      render_study(draw_patient(seed, place.patient_key), draw_acquisition(seed, place.study_key),
                   draw_findings(seed, place.study_key), static_cast<int>(options.size),
                   CounterRandom(seed, "phantom/noise", {place.study_key}));
  const std::array<bool, 2> taken = views_taken(options, place);
  PhantomStudy made;
  made.has_frontal = taken[0];
  made.has_lateral = taken[1];
  Study& study = made.study;
  const std::string prefix =
      "phantom" + std::to_string(options.seed) + "-" + split_name(place.split);
  study.study_id = numbered((prefix + "-s").c_str(), place.position);
  study.patient_id = numbered((prefix + "-p").c_str(), place.patient);
  study.sex = rendered.patient.female ? "F" : "M";
  study.age = rendered.patient.age;
  study.split = place.split;
  study.source_file = "phantom";
  study.source_row = index;
  add_views(options, place, rendered, made);
  add_labels(rendered.findings, study);
  add_truth(rendered, taken, study);
  study.report = write_report(options, place, rendered);
  if (taken[0]) made.frontal = std::move(rendered.views[0].shot.image);
  if (taken[1]) made.lateral = std::move(rendered.views[1].shot.image);
  return made;
}

}  // namespace biplane
