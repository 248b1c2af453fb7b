#include "biplane/phantom/study_maker.h"

#include <algorithm>
#include <array>
#include <string>

#include "biplane/core/error.h"
#include "biplane/formats/rle.h"
#include "biplane/phantom/co_occurrence.h"
#include "biplane/phantom/extra_views.h"
#include "biplane/phantom/layouts/layout.h"
#include "biplane/phantom/regions.h"
#include "biplane/phantom/signs.h"

namespace biplane {
namespace {

constexpr std::int64_t kBlock = 10;                                           // studies of
constexpr std::array<std::int64_t, 7> kPatientSizes = {3, 2, 1, 1, 1, 1, 1};  // these patients

// Side of the small rendering that exposure and display are settled with.
constexpr int kCoarse = 64;

Exposure settle_view(const RenderedStudy& study, const Camera& camera, Pose pose) {
  Camera coarse = camera;
  coarse.size = kCoarse;
  Scene normal = build_scene(study.patient, study.acquisition, {}, pose);
  for (const Layer fine : {Layer::kVessels, Layer::kDevices}) normal.layer(fine).clear();
  normal.texture = 0;
  return settle_exposure(ProjectedScene(std::move(normal), coarse), coarse, study.acquisition,
                         camera.size);
}

// The ending of image files.
std::string ending_of(const PhantomOptions& options) {
  const std::string format = phantom_format(options);
  return format == "png" ? ".png" : format == "dicom" ? ".dcm" : ".jpg";
}

}  // namespace

ViewRender render_view(const RenderedStudy& study, bool lateral, int size,
                       const CounterRandom& noise) {
  const Pose pose = lateral ? Pose::kLateral : Pose::kFrontal;
  ViewRender view;
  view.camera =
      lateral ? lateral_camera(study.acquisition, size) : frontal_camera(study.acquisition, size);
  const ProjectedScene scene(build_scene(study.patient, study.acquisition, study.findings, pose),
                             view.camera);
  view.shot = expose(scene.attenuation(), settle_view(study, view.camera, pose), study.acquisition,
                     view.camera, noise);
  if (study.findings.empty()) return view;
  const ShownView shown = show_view(view.shot, view.camera);
  for (std::size_t i = 0; i < study.findings.size(); ++i) {
    std::vector<Finding> others = study.findings;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    const Scene without = build_scene(study.patient, study.acquisition, others, pose);
    view.traces.push_back(
        trace_finding(scene.difference(without), shown, view.shot, view.camera, lateral));
  }
  return view;
}

namespace {

std::string numbered(const char* prefix, std::int64_t number) {
  std::string digits = std::to_string(number);
  return prefix + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

// Which views were taken: in training by chance alone, or by chance and severity, else both.
std::array<bool, 2> views_taken(const PhantomOptions& options, const StudyPlace& place,
                                const std::vector<Finding>& findings) {
  if (!find_layout(options.layout).laterals) return {true, false};
  if (place.split != Split::kTrain) return {true, true};
  CounterRandom random(static_cast<std::uint64_t>(options.seed), "phantom/views",
                       {place.study_key});
  const double u = random.uniform();
  double frontal_only = options.frontal_only;
  if (options.missing == "biased")
    frontal_only = biased_shares(finding_rules(options, place.split),
                                 frontal_only)[static_cast<std::size_t>(severity_of(findings))];
  if (u < frontal_only) return {true, false};
  if (u < frontal_only + options.lateral_only) return {false, true};
  return {true, true};
}

// The views of the study in the order of its manifest line.
std::vector<const ViewRender*> renders_of(const RenderedStudy& rendered,
                                          const std::array<bool, 2>& taken) {
  std::vector<const ViewRender*> renders;
  for (std::size_t v = 0; v < 2; ++v)
    if (taken[v]) renders.push_back(&rendered.views[v]);
  if (rendered.second_frontal) renders.push_back(&*rendered.second_frontal);
  return renders;
}

// Mask and boxes of something in one view of the study.
void add_trace(const std::string& label, std::int64_t view_index, const FindingTrace& trace,
               int size, Study& study) {
  if (trace.detectability < kVisible || trace.area == 0) return;
  study.masks.push_back({view_index, label, encode_rle(trace.mask, size, size), size, size});
  for (const RegionBox& box : region_boxes(trace.mask, size))
    study.boxes.push_back(
        {view_index, label, double(box.x), double(box.y), double(box.w), double(box.h), ""});
}

// Masks, boxes and sight of the findings, and of the hardware where it is labelled.
void add_truth(const RenderedStudy& rendered, const std::array<bool, 2>& taken, Study& study) {
  static constexpr const char* kNames[2] = {"frontal", "lateral"};
  const std::vector<const ViewRender*> renders = renders_of(rendered, taken);
  for (std::size_t i = 0; i < rendered.findings.size(); ++i) {
    const std::string label = finding_name(rendered.findings[i].kind);
    std::vector<std::string>& seen = study.visible_in[label];
    for (std::size_t v = 0; v < 2; ++v) {
      const double detectability = rendered.views[v].traces[i].detectability;
      if (detectability >= kVisible) {
        seen.emplace_back(kNames[v]);
      } else if (detectability >= kHidden) {
        study.doubtful_in[label].emplace_back(kNames[v]);
      }
    }
    for (std::size_t v = 0; v < renders.size(); ++v)
      add_trace(label, static_cast<std::int64_t>(v), renders[v]->traces[i], renders[v]->camera.size,
                study);
  }
  for (const auto& [label, trace] : rendered.hardware)
    add_trace(label, 0, trace, rendered.views[0].camera.size, study);
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

PhantomImage image_of(const PhantomOptions& options, const ViewRender& render, bool faces_right) {
  constexpr double kMillimetres = 10;  // in a centimetre
  PhantomImage image;
  image.grey = render.shot.image;
  if (phantom_format(options) == "dicom") image.shown = shown_values(render.shot);
  image.spacing = render.camera.field * kMillimetres / render.camera.size;
  image.source_distance = render.camera.distance * kMillimetres;
  // The middle of the body is the origin.
  image.magnification =
      render.camera.distance / dot(Vec3{} - render.camera.source, render.camera.forward);
  image.faces_right = faces_right;
  return image;
}

// `stem`: path of the images but for the view and the ending.
void add_views(const PhantomOptions& options, const std::string& stem,
               const RenderedStudy& rendered, PhantomStudy& made) {
  for (const ViewRender* render : renders_of(rendered, {made.has_frontal, made.has_lateral})) {
    const bool lateral = render == &rendered.views[1],
               second = !lateral && render != rendered.views.data();
    View view;
    view.path = stem +
                (lateral  ? "_lateral"
                 : second ? "_frontal2"
                          : "_frontal") +
                ending_of(options);
    view.view = lateral                             ? ViewPosition::kLateral
                : second || rendered.acquisition.ap ? ViewPosition::kAP
                                                    : ViewPosition::kPA;
    view.laterality = lateral ? "L" : "";
    view.rows = view.cols = options.size;
    made.study.views.push_back(view);
    made.images.push_back(image_of(options, *render, lateral && rendered.acquisition.faces_right));
  }
}

void add_report(const PhantomOptions& options, const StudyPlace& place,
                const RenderedStudy& rendered, PhantomStudy& made) {
  Study& study = made.study;
  NarrativeInput input;
  input.female = rendered.patient.female;
  input.age = rendered.patient.age;
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
  Narrative narrative = write_narrative(input, phantom_grammar(),
                                        static_cast<std::uint64_t>(options.seed), place.study_key);
  if (options.minimal_pairs && place.split == Split::kTest)
    made.flips = flip_report(input, narrative, phantom_grammar(),
                             CounterRandom(static_cast<std::uint64_t>(options.seed),
                                           "phantom/minimal-pairs", {place.study_key}));
  study.report = std::move(narrative.report);
  for (std::size_t kind = 0; kind < narrative.said.size(); ++kind)
    if (narrative.said[kind] != Mention::kNone)
      study.said[finding_names()[kind]] = mention_name(narrative.said[kind]);
}

RenderedStudy render_drawn(const PhantomOptions& options, const StudyPlace& place,
                           const DrawnStudy& drawn) {
  const int size = static_cast<int>(options.size);
  const auto seed = static_cast<std::uint64_t>(options.seed);
  RenderedStudy rendered = render_study(drawn.patient, drawn.acquisition, drawn.findings, size,
                                        CounterRandom(seed, "phantom/noise", {place.study_key}));
  if (drawn.second_frontal)
    rendered.second_frontal =
        render_second_frontal(rendered, *drawn.second_frontal, size,
                              CounterRandom(seed, "phantom/noise-second", {place.study_key}));
  if (find_layout(options.layout).hardware) rendered.hardware = trace_hardware(rendered);
  return rendered;
}

// `removed`: the finding that a counterfactual lacks; else null.
PhantomStudy assemble_study(const PhantomOptions& options, const StudyPlace& place,
                            const char* removed, const std::array<bool, 2>& taken,
                            RenderedStudy rendered) {
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
  study.source_row = place.index;
  std::string stem =
      image_folder(removed == nullptr ? kImages : kCounterfactual, place.split, place.position) +
      "/" + numbered("s", place.position);
  if (removed != nullptr) {
    study.counterfactual = {study.study_id, removed};
    study.study_id += std::string("-no-") + removed;
    stem += std::string("-no-") + removed;
  }
  add_views(options, stem, rendered, made);
  const Layout& layout = find_layout(options.layout);
  if (removed == nullptr && layout.name_views != nullptr)
    layout.name_views(place, ending_of(options), options.seed, study);
  add_labels(rendered.findings, study);
  add_truth(rendered, taken, study);
  add_report(options, place, rendered, made);
  if (taken[0]) made.frontal = std::move(rendered.views[0].shot.image);
  if (taken[1]) made.lateral = std::move(rendered.views[1].shot.image);
  return made;
}

}  // namespace

std::string image_folder(const char* kind, Split split, std::int64_t position) {
  return std::string(kind) + "/" + split_name(split) + "/" +
         numbered("", position / 1000).substr(3);
}

StudyPlace place_study(const PhantomOptions& options, std::int64_t index) {
  const PhantomCounts counts = phantom_counts(options);
  if (index < 0 || index >= options.studies)
    throw Error(ErrorKind::kUsage, "phantom: study " + std::to_string(index) + " is not in 0 .. " +
                                       std::to_string(options.studies - 1));
  StudyPlace place;
  place.index = place.position = index;
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
  place.study_of_patient = left;
  place.study_key = split << 48 | static_cast<std::uint64_t>(place.position);
  place.patient_key = split << 48 | static_cast<std::uint64_t>(place.patient);
  return place;
}

FindingRules finding_rules(const PhantomOptions& options, Split split) {
  FindingRules rules;
  if (options.co_occurrence == "clinical") rules.co_occurrence = CoOccurrence::kClinical;
  if (split == Split::kTest) return rules;
  const auto& names = finding_names();
  for (const std::string& name : options.hold_out)
    rules.left_out |= finding_bit(
        static_cast<FindingKind>(std::find(names.begin(), names.end(), name) - names.begin()));
  return rules;
}

std::vector<std::string> style_names(const PhantomOptions& options, Split split) {
  std::vector<std::string> names = find_layout(options.layout).styles;
  if (names.empty())
    for (const AcquisitionStyle& style : acquisition_styles()) names.emplace_back(style.name);
  if (split != Split::kTest)
    for (const std::string& held_out : options.hold_out_styles) std::erase(names, held_out);
  return names;
}

DrawnStudy draw_study(const PhantomOptions& options, const StudyPlace& place) {
  const std::uint64_t seed = static_cast<std::uint64_t>(options.seed);
  DrawnStudy drawn{draw_patient(seed, place.patient_key),
                   draw_acquisition(seed, place.study_key, style_names(options, place.split)),
                   draw_findings(seed, place.study_key, finding_rules(options, place.split))};
  drawn.taken = views_taken(options, place, drawn.findings);
  if (drawn.taken[0]) drawn.second_frontal = draw_second_frontal(options, place);
  return drawn;
}

RenderedStudy render_study(const Patient& patient, const Acquisition& acquisition,
                           const std::vector<Finding>& findings, int size,
                           const CounterRandom& noise) {
  RenderedStudy study;
  study.patient = patient;
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
  const StudyPlace place = place_study(options, index);
  const DrawnStudy drawn = draw_study(options, place);
  PhantomStudy made =
      assemble_study(options, place, nullptr, drawn.taken, render_drawn(options, place, drawn));
  made.style = drawn.acquisition.style.name;
  return made;
}

std::vector<PhantomStudy> make_counterfactuals(const PhantomOptions& options, std::int64_t index) {
  check_phantom(options);
  const StudyPlace place = place_study(options, index);
  const DrawnStudy drawn = draw_study(options, place);
  std::vector<PhantomStudy> made;
  for (std::size_t i = 0; i < drawn.findings.size(); ++i) {
    DrawnStudy left = drawn;
    left.findings.erase(left.findings.begin() + static_cast<std::ptrdiff_t>(i));
    const FindingKind removed = drawn.findings[i].kind;
    made.push_back(assemble_study(options, place, finding_name(removed), left.taken,
                                  render_drawn(options, place, left)));
  }
  return made;
}

}  // namespace biplane
