#include "biplane/corpus/funnel.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "biplane/core/error.h"
#include "biplane/core/files.h"

namespace biplane {
namespace {

constexpr std::size_t kExamples = 5;

std::string line_of(const char* mark, const FunnelStage::Reason& reason) {
  return fmt::format("  {} {:<30} {:>9}            {}\n", mark, reason.name, reason.count,
                     reason.examples.empty() ? "" : "e.g. " + reason.examples.front());
}

}  // namespace

std::int64_t FunnelStage::in() const {
  std::int64_t count = out_;
  for (const Reason& reason : reasons_) count += reason.count;
  return count;
}

std::int64_t FunnelStage::bad() const {
  std::int64_t count = 0;
  for (const Reason& reason : reasons_) count += reason.bad ? reason.count : 0;
  return count;
}

void FunnelStage::count(std::vector<Reason>& counts, const std::string& name,
                        const std::string& example, bool bad) {
  auto found =
      std::find_if(counts.begin(), counts.end(), [&](const Reason& r) { return r.name == name; });
  if (found == counts.end()) {
    counts.push_back({name, 0, {}, bad});
    found = counts.end() - 1;
  }
  ++found->count;
  if (found->examples.size() < kExamples) found->examples.push_back(example);
}

FunnelStage& Funnel::stage(const std::string& name, const std::string& unit) {
  for (FunnelStage& stage : stages_) {
    if (stage.name() == name) return stage;
  }
  return stages_.emplace_back(name, unit);
}

void Funnel::record(const std::string& name, const std::string& value) {
  for (auto& [known, old] : choices_) {
    if (known == name) {
      old = value;
      return;
    }
  }
  choices_.emplace_back(name, value);
}

std::string Funnel::json() const {
  using nlohmann::ordered_json;
  ordered_json stages = ordered_json::array();
  for (const FunnelStage& stage : stages_) {
    ordered_json reasons = ordered_json::array();
    for (const FunnelStage::Reason& reason : stage.reasons()) {
      reasons.push_back({{"reason", reason.name},
                         {"count", reason.count},
                         {"bad", reason.bad},
                         {"examples", reason.examples}});
    }
    stages.push_back({{"stage", stage.name()},
                      {"unit", stage.unit()},
                      {"in", stage.in()},
                      {"out", stage.out()},
                      {"reasons", reasons}});
    for (const FunnelStage::Reason& note : stage.notes()) {
      stages.back()["notes"].push_back(
          {{"note", note.name}, {"count", note.count}, {"examples", note.examples}});
    }
  }
  ordered_json document = {{"format", 1}, {"stages", stages}};
  for (const auto& [name, value] : choices_) document["choices"][name] = value;
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string Funnel::table() const {
  std::string text = fmt::format("{:<34} {:>9} {:>9}\n", "stage", "in", "out");
  for (const FunnelStage& stage : stages_) {
    text += fmt::format("{:<34} {:>9} {:>9}\n", stage.name() + " (" + stage.unit() + ")",
                        stage.in(), stage.out());
    for (const FunnelStage::Reason& reason : stage.reasons()) text += line_of("-", reason);
    for (const FunnelStage::Reason& note : stage.notes()) text += line_of("*", note);
  }
  for (const auto& [name, value] : choices_) text += fmt::format("{}: {}\n", name, value);
  return text;
}

void Funnel::write(const std::filesystem::path& path) const { write_file_atomically(path, json()); }

void Funnel::check_bad(double max_fraction) const {
  for (const FunnelStage& stage : stages_) {
    const auto in = static_cast<double>(stage.in());
    if (static_cast<double>(stage.bad()) <= max_fraction * in) continue;
    for (const FunnelStage::Reason& reason : stage.reasons()) {
      if (!reason.bad) continue;
      throw Error(
          ErrorKind::kBadContent,
          fmt::format(
              "{} of {} {} are bad, more than the {:g} % that --max-bad allows; first: {}: {}",
              stage.bad(), stage.in(), stage.unit(), 100 * max_fraction, reason.name,
              reason.examples.empty() ? "" : reason.examples.front()));
    }
  }
}

}  // namespace biplane
