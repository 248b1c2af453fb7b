#include "biplane/corpus/audit_leaks.h"

#include <algorithm>
#include <set>

#include "biplane/corpus/copies.h"

namespace biplane {
namespace {

AuditOverlap& overlap_of(const std::string& first, const std::string& second, AuditReport& report) {
  for (AuditOverlap& overlap : report.overlaps)
    if (overlap.first == first && overlap.second == second) return overlap;
  return report.overlaps.emplace_back(AuditOverlap{first, second, {}});
}

}  // namespace

void Sightings::add(const std::string& thing, const AuditPlace& place) {
  const auto [found, fresh] = by_name_.try_emplace(thing);
  if (fresh) order_.push_back(&found->first);
  found->second.push_back(place);
}

void Sightings::drop_same(std::string StudySummary::*name) {
  const auto same = [&](const std::string* thing) {
    const Places& places = by_name_.at(*thing);
    return places.size() > 1 && std::all_of(places.begin(), places.end(), [&](const auto& place) {
             return study(place).*name == study(places[0]).*name &&
                    inputs_[place.input].name_space == inputs_[places[0].input].name_space;
           });
  };
  order_.erase(std::remove_if(order_.begin(), order_.end(), same), order_.end());
}

const StudySummary& Sightings::study(const AuditPlace& place) const {
  return inputs_[place.input].manifest->summary(place.study);
}

std::string Sightings::place_name(const AuditPlace& place) const {
  const std::string& name = inputs_[place.input].name;
  std::string text = (name.empty() ? "" : name + ":") + study(place).study_id;
  if (place.view != AuditPlace::kWholeStudy)
    text += " (" + inputs_[place.input].manifest->study(place.study).views[place.view].path + ")";
  return text;
}

std::string Sightings::split_names(const Places& places) const {
  std::set<std::pair<Split, std::uint32_t>> seen;
  for (const AuditPlace& place : places) seen.emplace(study(place).split, place.input);
  std::string text;
  for (const auto& [split, input] : seen) {
    text += (text.empty() ? "" : " and ") + std::string(split_name(split));
    if (!inputs_[input].name.empty()) text += " of " + inputs_[input].name;
  }
  return text;
}

void Sightings::count_overlaps(const Places& places, AuditReport& report) const {
  std::set<std::uint32_t> seen;
  for (const AuditPlace& place : places) seen.insert(place.input);
  for (auto first = seen.begin(); first != seen.end(); ++first) {
    for (auto second = std::next(first); second != seen.end(); ++second)
      ++overlap_of(inputs_[*first].name, inputs_[*second].name, report).things[kind_];
  }
}

std::int64_t Sightings::report(const std::string& noun, const AuditOptions& options,
                               AuditReport& report) const {
  constexpr std::size_t kShownStudies = 4, kShownLetters = 64;
  const bool allowed =
      std::find(options.allowed.begin(), options.allowed.end(), kind_) != options.allowed.end();
  std::int64_t repeated = 0;
  for (const std::string* thing : order_) {
    const Places& places = by_name_.at(*thing);
    if (places.size() == 1) continue;
    count_overlaps(places, report);
    const Split split = study(places[0]).split;
    if (std::all_of(places.begin(), places.end(),
                    [&](const auto& place) { return study(place).split == split; })) {
      ++repeated;
      continue;
    }
    std::string studies;
    for (std::size_t i = 0; i < std::min(places.size(), kShownStudies); ++i)
      studies += (i == 0 ? "" : ", ") + place_name(places[i]);
    const std::string name = thing->substr(thing->find('\n') + 1, kShownLetters);
    report.findings.push_back(
        {kind_ + " in two splits",
         noun + name + " is in " + split_names(places) + ": studies " + studies, true, allowed});
    ++(allowed ? report.allowed_leaks : report.leaks);
  }
  return repeated;
}

Sightings find_copies(const std::vector<AuditInput>& inputs, const AuditedImages& images,
                      int threads) {
  Sightings copies(inputs, "copy");
  for (const std::vector<std::int64_t>& group : copy_groups(images.prints, threads)) {
    const auto at = [](std::int64_t image) { return static_cast<std::size_t>(image); };
    const std::string& hash = images.hashes[at(group[0])];
    if (std::all_of(group.begin(), group.end(),
                    [&](std::int64_t image) { return images.hashes[at(image)] == hash; }))
      continue;
    for (const std::int64_t image : group) copies.add(hash, images.places[at(image)]);
  }
  return copies;
}

}  // namespace biplane
