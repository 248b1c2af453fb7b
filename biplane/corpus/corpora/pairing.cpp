#include "biplane/corpus/corpora/pairing.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "biplane/core/error.h"
#include "biplane/corpus/corpora/tables.h"
#include "biplane/corpus/selection.h"

namespace biplane {
namespace {

using Places = std::vector<std::size_t>;  // of views in Study::views

constexpr std::array kPairings = {Pairing::kAll, Pairing::kFirst, Pairing::kBoth, Pairing::kEvery};

int rank_of(ViewPosition view) {
  switch (view) {
    case ViewPosition::kPA:
      return 0;
    case ViewPosition::kAP:
      return 1;
    case ViewPosition::kLateral:
      return 2;
    case ViewPosition::kUnknown:
      break;
  }
  return 3;
}

void sort_views(Study& study) {
  const std::vector<View>& views = study.views;
  const auto before = [](const View& a, const View& b) {
    return rank_of(a.view) < rank_of(b.view);
  };
  if (std::is_sorted(views.begin(), views.end(), before)) return;
  Places order(views.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return before(views[a], views[b]); });
  keep_views(study, order);
}

Places places_of(const Study& study, bool lateral) {
  Places places;
  for (std::size_t i = 0; i < study.views.size(); ++i) {
    const ViewPosition view = study.views[i].view;
    if (lateral ? view == ViewPosition::kLateral : is_frontal(view)) places.push_back(i);
  }
  return places;
}

// The views of each study that is made of this one; none: it is left out.
std::vector<Places> chosen_views(const Study& study, Pairing pairing) {
  Places frontals = places_of(study, false), laterals = places_of(study, true);
  if (pairing == Pairing::kBoth && (frontals.empty() || laterals.empty())) return {};
  if (pairing != Pairing::kEvery) {
    frontals.resize(std::min<std::size_t>(frontals.size(), 1));
    laterals.resize(std::min<std::size_t>(laterals.size(), 1));
  }
  std::vector<Places> chosen;
  if (frontals.empty())
    for (const std::size_t lateral : laterals) chosen.push_back({lateral});
  for (const std::size_t frontal : frontals) {
    if (laterals.empty()) chosen.push_back({frontal});
    for (const std::size_t lateral : laterals) chosen.push_back({frontal, lateral});
  }
  return chosen;
}

bool is_used(const std::vector<Places>& chosen, std::size_t view) {
  return std::any_of(chosen.begin(), chosen.end(), [view](const Places& places) {
    return std::find(places.begin(), places.end(), view) != places.end();
  });
}

// Boxes and masks of an image that is used or not.
void count_marks(const Study& study, std::size_t view, bool used, FunnelStage& stage) {
  const auto count = [&](const auto& marks, const char* what) {
    for (const auto& mark : marks) {
      if (static_cast<std::size_t>(mark.view) != view) continue;
      if (used) {
        stage.pass();
      } else {
        stage.drop(std::string(what) + " of an image that was left out", study.views[view].path);
      }
    }
  };
  count(study.boxes, "box");
  count(study.masks, "mask");
}

void count_images(const Study& study, const std::vector<Places>& chosen, FunnelStage& stage) {
  for (std::size_t i = 0; i < study.views.size(); ++i) {
    const View& view = study.views[i];
    const bool used = is_used(chosen, i);
    const bool lateral = view.view == ViewPosition::kLateral;
    if (used) {
      stage.pass();
    } else if (!lateral && !is_frontal(view.view)) {
      stage.drop("neither frontal nor lateral", view.path);
    } else if (chosen.empty()) {
      stage.drop("its study has no other view", view.path);
    } else {
      stage.drop(lateral ? "further lateral" : "further frontal", view.path);
    }
  }
}

const char* why_left_out(const Study& study) {
  if (has_frontal(study)) return "no lateral";
  return has_lateral(study) ? "no frontal" : "neither frontal nor lateral";
}

std::vector<Study> copies_of(const Study& study, const std::vector<Places>& chosen) {
  std::vector<Study> copies(chosen.size(), study);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    keep_views(copies[i], chosen[i]);
    if (chosen.size() > 1) copies[i].study_id += "#" + std::to_string(i + 1);
  }
  return copies;
}

}  // namespace

const char* pairing_name(Pairing pairing) {
  switch (pairing) {
    case Pairing::kAll:
      return "all";
    case Pairing::kFirst:
      return "first";
    case Pairing::kBoth:
      return "both";
    case Pairing::kEvery:
      break;
  }
  return "every";
}

Pairing parse_pairing(const std::string& name) {
  std::vector<std::string> names;
  for (const Pairing pairing : kPairings) {
    if (name == pairing_name(pairing)) return pairing;
    names.emplace_back(pairing_name(pairing));
  }
  throw Error(ErrorKind::kUsage, "--pairing: '" + name + "' is not all, first, both or every" +
                                     did_you_mean(name, names));
}

void pair_views(std::vector<Study>& studies, Pairing pairing, Funnel& funnel) {
  const std::string policy = std::string(" (") + pairing_name(pairing) + ")";
  FunnelStage& images = funnel.stage("images paired" + policy, "images");
  FunnelStage& made = funnel.stage("studies paired" + policy, "studies");
  std::vector<Study> further;  // of kEvery, which alone makes several of one
  keep_studies(studies, [&](Study& study) {
    sort_views(study);
    if (pairing == Pairing::kAll) {
      images.pass(static_cast<std::int64_t>(study.views.size()));
      made.pass();
      return true;
    }
    const std::vector<Places> chosen = chosen_views(study, pairing);
    count_images(study, chosen, images);
    if (!study.boxes.empty() || !study.masks.empty()) {
      FunnelStage& marks = funnel.stage("boxes and masks paired" + policy, "marks");
      for (std::size_t i = 0; i < study.views.size(); ++i)
        count_marks(study, i, is_used(chosen, i), marks);
    }
    made.pass(static_cast<std::int64_t>(chosen.size()));
    if (chosen.empty()) made.drop(why_left_out(study), "study " + study.study_id);
    if (pairing == Pairing::kEvery) {
      std::vector<Study> copies = copies_of(study, chosen);
      std::move(copies.begin(), copies.end(), std::back_inserter(further));
    } else if (!chosen.empty()) {
      keep_views(study, chosen.front());
    }
    return pairing != Pairing::kEvery && !chosen.empty();
  });
  if (pairing == Pairing::kEvery) studies = std::move(further);
}

}  // namespace biplane
