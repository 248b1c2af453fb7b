#include "biplane/phantom/extra_views.h"

#include "biplane/phantom/label_maps.h"
#include "biplane/phantom/layouts/layout.h"

namespace biplane {

std::optional<Acquisition> draw_second_frontal(const PhantomOptions& options,
                                               const StudyPlace& place) {
  constexpr std::uint64_t kSecond = 1ULL << 40;  // no study of its own has this bit
  const auto seed = static_cast<std::uint64_t>(options.seed);
  CounterRandom random(seed, "phantom/second-frontal", {place.study_key});
  if (!random.bernoulli(find_layout(options.layout).second_frontal)) return std::nullopt;
  Acquisition acquisition =
      draw_acquisition(seed, place.study_key | kSecond, style_names(options, place.split));
  acquisition.ap = true;
  return acquisition;
}

ViewRender render_second_frontal(const RenderedStudy& study, const Acquisition& acquisition,
                                 int size, const CounterRandom& noise) {
  RenderedStudy again;
  again.patient = study.patient;
  again.acquisition = acquisition;
  again.findings = study.findings;
  return render_view(again, false, size, noise);
}

std::vector<std::pair<std::string, FindingTrace>> trace_hardware(const RenderedStudy& study) {
  std::vector<std::pair<std::string, FindingTrace>> traces;
  if (!study.patient.sternotomy && !study.patient.clips) return traces;
  const ViewRender& view = study.views[0];
  const ShownView shown = show_view(view.shot, view.camera);
  const auto trace = [&](const char* label, bool Patient::*part) {
    if (!(study.patient.*part)) return;
    Patient without = study.patient;
    without.*part = false;
    const auto scene = [&](const Patient& patient) {
      return build_scene(patient, study.acquisition, study.findings, Pose::kFrontal);
    };
    const ProjectedScene whole(scene(study.patient), view.camera);
    traces.emplace_back(label, trace_finding(whole.difference(scene(without)), shown, view.shot,
                                             view.camera, false));
  };
  trace(kSternotomyWires, &Patient::sternotomy);
  trace(kClips, &Patient::clips);
  return traces;
}

}  // namespace biplane
